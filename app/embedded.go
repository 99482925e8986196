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
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
	"vigil/alerts/store"
	"vigil/config"
)

// ServerOptions are the embedded server's. With another server configured it listens nowhere.
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

// ServerOptions are those of the server that this desk's own MQTT client logs in at, too.
func (d *Sinks) serverOptions(cfg config.Config, log *slog.Logger) broker.Options {
	o := ServerOptions(cfg, log)
	o.MQTTLogin = d.ownMQTT
	return o
}

// storeNeeds is what vigil's own streams may take on the disk, in bytes.
func storeNeeds(cfg config.Config) int64 {
	return int64(cfg.Outbox.Size)<<20 + outbox.BookkeepingBytes + evidence.StoreBytes(evidenceLimits(cfg.Evidence)) +
		archive.StoreBytes
}

// checkStore says where the bound of all streams leaves no room for vigil's own.
func checkStore(cfg config.Config) error {
	if got, needs := int64(cfg.NATS.Embedded.Store)<<20, storeNeeds(cfg); got > 0 && got < needs {
		return fmt.Errorf("is %d, must be at least %d for what outbox.size and evidence.size allow, or 0", got>>20,
			(needs+1<<20-1)>>20)
	}
	return nil
}

// ownBroker says whether the MQTT broker is the one inside vigil, where no user is given for it.
func ownBroker(cfg config.Config) bool {
	return cfg.MQTT.User == "" && isOwnBroker(cfg, cfg.MQTT.URL)
}

func isOwnBroker(cfg config.Config, address string) bool {
	u, err := url.Parse(address)
	e := cfg.NATS.Embedded
	if err != nil || cfg.NATS.URL != "" || e.MQTTPort == 0 || u.Port() != strconv.Itoa(e.MQTTPort) {
		return false
	}
	return here(u.Hostname()) || strings.EqualFold(u.Hostname(), e.Host)
}

// loginAt knows vigil's own login at the broker inside it.
func (d *Sinks) loginAt(cfg config.Config) func(string) (user, password string) {
	return func(address string) (user, password string) {
		if isOwnBroker(cfg, address) {
			return d.ownMQTT.User, d.ownMQTT.Password
		}
		return "", ""
	}
}

// here says whether a host is this machine by its name.
func here(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// StoreDir is where the server inside vigil keeps its streams.
func StoreDir(cfg config.Config) string { return store.Dir(cfg.DataDir) }
