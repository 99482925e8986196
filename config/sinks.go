package config

import "time"

// NATS says which server the alerts are published to.
type NATS struct {
	// URL is an external server, as nats://host:4222, or several with commas between; empty is the embedded server. It
	// holds no user or password.
	URL string `yaml:"url"`
	// User is the user's name on the external server.
	User string `yaml:"user"`
	// Password is the user's password on the external server.
	Password Secret `yaml:"password"`
	// Token is a token for the external server, in place of a user.
	Token Secret `yaml:"token"`
	// Creds is a credentials file (.creds) for the external server, in place of a user.
	Creds string `yaml:"creds" path:"file"`
	// NKey is a file with the seed of an nkey for the external server, in place of a user.
	NKey string `yaml:"nkey" path:"file"`
	// TLS is for an external server that asks for it.
	TLS TLS `yaml:"tls"`
	// Embedded is the server inside vigil.
	Embedded Embedded `yaml:"embedded"`
}

// Embedded says where the embedded NATS server listens.
type Embedded struct {
	// Host is the address to listen on. Any other than this machine's own (127.0.0.1) needs a user and a password.
	Host string `yaml:"host" validate:"required"`
	// Port is the TCP port to listen on; 0 is any free one.
	Port int `yaml:"port" validate:"min=0,max=65535"`
	// MQTTPort is the TCP port on which it speaks MQTT 3.1.1 as well; 0 is none.
	MQTTPort int `yaml:"mqtt_port" validate:"min=0,max=65535"`
	// User is the name that clients of the embedded server must give; they may then do everything there. Without it
	// programs of this machine may read, and nothing else.
	User string `yaml:"user"`
	// Password is the password that clients of the embedded server must give.
	Password Secret `yaml:"password"`
	// Accounts are more users, each with its own rights.
	Accounts []Account `yaml:"accounts" validate:"dive"`
	// Store is how many MiB all streams together may take on the disk; 0 is what those of vigil need.
	Store int `yaml:"store" validate:"min=0,max=67108864"`
	// Memory is how many MiB streams in memory may take, of which vigil has none.
	Memory int `yaml:"memory" validate:"min=1,max=65536"`
}

// Account is a user of the embedded server.
type Account struct {
	// Name is what a client gives as its user.
	Name string `yaml:"name"`
	// Password is its password, as it stands or as bcrypt.
	Password Secret `yaml:"password"`
	// NKey is the public key of a user (it begins with U), in place of a password.
	NKey string `yaml:"nkey"`
	// Rights are read, or write for everything.
	Rights string `yaml:"rights" validate:"oneof=read write"`
}

// TLS names the certificate files of a connection.
type TLS struct {
	// CA is a file with the certificates (PEM) that the server's must be signed by; empty is those that the system
	// trusts.
	CA string `yaml:"ca" path:"file"`
	// Cert is a file with our own certificate (PEM), if the server requires one.
	Cert string `yaml:"cert" path:"file"`
	// Key is the file with its private key (PEM).
	Key string `yaml:"key" path:"file"`
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
	// Commands says whether what is published at the broker pauses and snoozes cameras; then every client that may
	// publish there can do that.
	Commands string `yaml:"commands" validate:"oneof=on off"`
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
