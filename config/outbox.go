package config

import "time"

// Outbox bounds what is kept of alerts on this machine's disk, in data_dir.
type Outbox struct {
	// Size is how many MiB of alerts are kept; the oldest that every sink has are deleted.
	Size int `yaml:"size" validate:"min=1,max=1048576"`
	// Reserve is how many MiB of the disk are reserved for alerts, in case other files fill it.
	Reserve int `yaml:"reserve" validate:"min=1,max=65536"`
	// SetAsideAfter is how long an alert is retried that a sink refuses because of its content, as with an HTTP
	// status of 400; then it is set aside (vigil outbox list) and delivery continues. Temporary errors are retried
	// forever.
	SetAsideAfter time.Duration `yaml:"set_aside_after" validate:"min=1s,max=720h"`
}
