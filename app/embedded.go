package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/alerts/cameras"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
	"vigil/alerts/store"
	"vigil/alerts/switches"
	"vigil/config"
)

// ServerOptions returns the options of the embedded server. With another server configured it does not listen.
func ServerOptions(cfg config.Config, log *slog.Logger) broker.Options {
	e := cfg.NATS.Embedded
	o := broker.Options{
		Dir: StoreDir(cfg), Host: e.Host, Port: e.Port, User: e.User, Password: e.Password.Reveal(),
		MQTTPort: e.MQTTPort,
		NoListen: cfg.NATS.URL != "", Log: log, MaxStore: storeNeeds(cfg), MaxMemory: int64(e.Memory) << 20,
	}
	if e.Store > 0 {
		o.MaxStore = int64(e.Store) << 20
	}
	for _, a := range e.Accounts {
		o.Accounts = append(o.Accounts, broker.Account{
			Name: a.Name, Password: a.Password.Reveal(), NKey: a.NKey,
			Rights: broker.Rights(a.Rights),
		})
	}
	for _, topic := range []string{cfg.MQTT.Topic, cfg.MQTT.Discovery} {
		if topic != "" {
			o.MQTTTopics = append(o.MQTTTopics, topic)
		}
	}
	if o.Port == 0 {
		o.Port = -1 // the broker's word for any free one
	}
	return o
}

// serverOptions adds the login of vigil's own MQTT client to the server's options.
func (d *Sinks) serverOptions(cfg config.Config, log *slog.Logger) broker.Options {
	o := ServerOptions(cfg, log)
	o.MQTTLogin = d.ownMQTT
	return o
}

// storeNeeds is the disk space that vigil's own streams may use, in bytes.
func storeNeeds(cfg config.Config) int64 {
	return int64(cfg.Outbox.Size)<<20 + outbox.BookkeepingBytes + evidence.StoreBytes(evidenceLimits(cfg.Evidence)) +
		archive.StoreBytes + switches.StoreBytes + cameras.StoreBytes
}

// checkStore returns an error if the bound of all streams is too small for vigil's own.
func checkStore(cfg config.Config) error {
	if got, needs := int64(cfg.NATS.Embedded.Store)<<20, storeNeeds(cfg); got > 0 && got < needs {
		return fmt.Errorf("is %d, must be at least %d for what outbox.size and evidence.size allow, or 0", got>>20,
			(needs+1<<20-1)>>20)
	}
	return nil
}

// ownBroker reports whether the MQTT broker is the embedded one and no user is configured for it.
func ownBroker(cfg config.Config) bool {
	return cfg.MQTT.User == "" && isOwnBroker(cfg, cfg.MQTT.URL)
}

func isOwnBroker(cfg config.Config, address string) bool {
	u, err := url.Parse(address)
	e := cfg.NATS.Embedded
	if err != nil || cfg.NATS.URL != "" || e.MQTTPort == 0 || u.Port() != strconv.Itoa(e.MQTTPort) {
		return false
	}
	return isThisHost(u.Hostname()) || strings.EqualFold(u.Hostname(), e.Host)
}

// loginAt returns vigil's own login at the embedded broker.
func (d *Sinks) loginAt(cfg config.Config) func(string) (user, password string) {
	return func(address string) (user, password string) {
		if isOwnBroker(cfg, address) {
			return d.ownMQTT.User, d.ownMQTT.Password
		}
		return "", ""
	}
}

// isThisHost reports whether a host name means this machine.
func isThisHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// StoreDir is the directory of the embedded server's streams.
func StoreDir(cfg config.Config) string { return store.Dir(cfg.DataDir) }
