package config

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

func (f *problemList) sinks(c Config) {
	f.tls("nats.tls", c.NATS.TLS)
	f.mqtt(c.MQTT)
	f.webhook(c.Webhook)
	if e := c.Evidence; e.Longest <= e.Before {
		f.add("evidence.longest", e.Longest.String(), "must be above evidence.before (%v)", e.Before)
	}
	if c.NATS.URL != "" && c.NATS.Embedded.MQTTPort != 0 {
		f.add("nats.embedded.mqtt_port", "",
			"is given beside nats.url, with which the embedded server listens nowhere; must be left out")
	}
}

func (f *problemList) tls(key string, t TLS) {
	switch {
	case t.Cert != "" && t.Key == "":
		f.add(key+".key", "", "is missing; a certificate must have one")
	case t.Cert == "" && t.Key != "":
		f.add(key+".cert", "", "is missing; a key must have one")
	}
}

func (f *problemList) mqtt(m MQTT) {
	f.topic("mqtt.topic", m.Topic)
	if m.Discovery != "" {
		f.topic("mqtt.discovery", m.Discovery)
	}
	if m.URL == "" {
		if m.User != "" || m.Password != (Secret{}) {
			f.add("mqtt.url", "", "is missing; a user must have a broker")
		}
		return
	}
	u, err := url.Parse(m.URL)
	switch {
	case strings.Contains(m.URL, "@"):
		f.add("mqtt.url", "", "has a user or password in it; must be given as mqtt.user and mqtt.password")
	case err != nil || u.Hostname() == "" || u.Path != "" || u.Scheme != "tcp" && u.Scheme != "ssl":
		f.add("mqtt.url", "", "is not an address of an MQTT broker; must be as tcp://host:1883 or ssl://host:8883")
	case u.Scheme == "tcp" && m.TLS != (TLS{}):
		f.add("mqtt.tls", "", "is given with a tcp:// address; must be ssl://, or be left out")
	}
	f.pair("mqtt", m.User, m.Password)
	f.tls("mqtt.tls", m.TLS)
}

// topic checks a topic prefix.
func (f *problemList) topic(key, topic string) {
	bad := func(r rune) bool { return r == '#' || r == '+' || unicode.IsSpace(r) || unicode.IsControl(r) }
	if strings.ContainsFunc(topic, bad) || strings.HasPrefix(topic, "/") || strings.HasSuffix(topic, "/") ||
		strings.HasPrefix(topic, "$") {
		f.add(key, quoted(topic), "must be a topic without #, +, spaces, a $ before it or a / around it")
	}
}

// webhook never quotes the address: it may contain a token.
func (f *problemList) webhook(w Webhook) {
	if w.URL == (Secret{}) {
		if w.Secret != (Secret{}) {
			f.add("webhook.url", "", "is missing; a secret must have an address")
		}
		return
	}
	u, err := url.Parse(w.URL.Reveal())
	// A redacted secret of vigil config print must load again.
	if w.URL.Reveal() == redacted {
		return
	}
	switch {
	case hidesHost(w.URL.Reveal()):
		f.add("webhook.url", "",
			"has an @ behind its host, so a password with a / ? or # would be taken for a host; must have these as "+
				"%%2F %%3F %%23, "+
				"and an @ of the path or the query as %%40")
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		f.add("webhook.url", "", "is not an address to post to; must be as https://host/path")
	}
	f.tls("webhook.tls", w.TLS)
}

// plainHost matches a host that cannot be the beginning of a login: it has a dot, and no colon after it.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// hidesHost reports whether the host of a URL may be the beginning of a login with a / ? or # in its password: an @
// follows it. https://host.example/a@b is accepted, since services do issue paths with an @.
func hidesHost(address string) bool {
	_, rest, _ := strings.Cut(address, "://")
	i := strings.IndexAny(rest, "/?#")
	return i >= 0 && strings.Contains(rest[i:], "@") && !plainHost.MatchString(rest[:i])
}

var (
	accountForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	nkeyForm    = regexp.MustCompile(`^U[A-Z2-7]{55}$`)
)

// accounts checks the accounts of the embedded server.
func (f *problemList) accounts(e Embedded) {
	names, keys := map[string]int{}, map[string]int{}
	for i, a := range e.Accounts {
		at := fmt.Sprintf("nats.embedded.accounts[%d]", i)
		first, twice := names[a.Name]
		switch {
		case a.Name == "":
			f.add(at+".name", "", "is missing; every account must have a name")
		case !accountForm.MatchString(a.Name):
			f.add(at+".name", quoted(a.Name),
				"must be 1 to 64 of letters, digits, ., _ and -, with a letter or a digit first")
		case a.Name == e.User:
			f.add(at+".name", quoted(a.Name),
				"the same as nats.embedded.user; every account must have a name of its own")
		case twice:
			f.add(at+".name", quoted(a.Name),
				"the same as accounts[%d].name; every account must have a name of its own", first)
		}
		names[a.Name] = i
		switch first, twice := keys[a.NKey]; {
		case a.NKey != "" && a.Password != Secret{}:
			f.add(at+".nkey", "", "is given beside a password; must be one of the two")
		case a.NKey == "" && a.Password == Secret{}:
			f.add(at+".password", "", "is missing; an account must have one, or an nkey")
		case a.NKey != "" && !nkeyForm.MatchString(a.NKey):
			// Not quoted: it may be a seed, which is secret.
			f.add(at+".nkey", "",
				"is not the public key of a user; must be 56 capital letters and digits that begin with U (never a "+
					"seed, which begins with S)")
		case a.NKey != "" && twice:
			f.add(at+".nkey", "", "the same as accounts[%d].nkey; every account must have one of its own", first)
		}
		if a.NKey != "" {
			keys[a.NKey] = i
		}
	}
}
