package config

import "time"

// Evidence says what is stored of each alert: a snapshot, a heat map, a clip.
type Evidence struct {
	// Enabled makes evidence.
	Enabled bool `yaml:"enabled"`
	// Clips also makes clips.
	Clips bool `yaml:"clips"`
	// Size is how many MiB of evidence are kept; the oldest is deleted.
	Size int `yaml:"size" validate:"min=16,max=16777216"`
	// Keep is how long it is kept; 0s is until its size is reached.
	Keep time.Duration `yaml:"keep" validate:"min=0s,max=87600h"`
	// Before is how much of the time before an event a clip shows.
	Before time.Duration `yaml:"before" validate:"min=0s,max=1m"`
	// After is how much of the time after it a clip shows at most.
	After time.Duration `yaml:"after" validate:"min=0s,max=1m"`
	// Longest is how long a clip may be.
	Longest time.Duration `yaml:"longest" validate:"min=2s,max=5m"`
	// Copy also stores evidence in the object store of the external NATS server.
	Copy bool `yaml:"copy"`
}
