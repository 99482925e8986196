package config

import "time"

// TLS names the certificate files of a connection.
type TLS struct {
	// CA is a file with the certificates (PEM) that the server's must be signed by; empty is those that the system
	// trusts.
	CA string `yaml:"ca"`
	// Cert is a file with our own certificate (PEM), if the server requires one.
	Cert string `yaml:"cert"`
	// Key is the file with its private key (PEM).
	Key string `yaml:"key"`
}

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

// MQTT says which broker alerts are published to as well.
type MQTT struct {
	// URL is the broker, as tcp://host:1883 or ssl://host:8883; empty is none. It holds no user or password.
	URL string `yaml:"url"`
	// User is the user's name there.
	User string `yaml:"user"`
	// Password is the user's password there.
	Password Secret `yaml:"password"`
	// TLS is for a broker with an ssl:// address.
	TLS TLS `yaml:"tls"`
	// Topic is the prefix of every topic; a different one for each vigil at one broker.
	Topic string `yaml:"topic" validate:"required"`
	// Discovery is the prefix that Home Assistant listens on; empty announces nothing.
	Discovery string `yaml:"discovery"`
}

// Webhook says where alerts are posted to as well.
type Webhook struct {
	// URL is an http or https address; empty is none. It is shown without its user, its path and its query.
	URL Secret `yaml:"url"`
	// Secret signs every message (HMAC-SHA256, Standard Webhooks).
	Secret Secret `yaml:"secret"`
	// Timeout is how long a response may take.
	Timeout time.Duration `yaml:"timeout" validate:"min=1s,max=1m"`
	// Phases are the messages of an event that are posted: start, update and end, or some of these.
	Phases []string `yaml:"phases" validate:"min=1,dive,oneof=start update end"`
	// TLS is for an https address.
	TLS TLS `yaml:"tls"`
}
