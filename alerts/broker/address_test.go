package broker

import (
	"net/url"
	"strings"
	"testing"
)

func TestParseURLs(t *testing.T) {
	for raw, want := range map[string]struct{ user, password, host string }{
		"nats://127.0.0.1:4222":           {"", "", "127.0.0.1:4222"},
		"localhost":                       {"", "", "localhost"},
		"nats://[::1]:4222":               {"", "", "[::1]:4222"},
		"nats://[::1]":                    {"", "", "[::1]"},
		"tls://u:p@h:1":                   {"u", "p", "h:1"},
		"nats://user:p@ss@host":           {"user", "p@ss", "host"},
		"nats://user:p/s?s#w@host:4222":   {"user", "p/s?s#w", "host:4222"},
		"nats://user:100%@host":           {"user", "100%", "host"},
		"nats://user:p%40ss@host":         {"user", "p@ss", "host"},
		"nats://user:a:b@host":            {"user", "a:b", "host"},
		"nats://user:a,b@host":            {"user", "a,b", "host"},
		"nats://token@host":               {"token", "", "host"},
		"NATS://h":                        {"", "", "h"},
		"nats://a:b@one:1,nats://c@two:2": {"a", "b", "one:1"},
		"wss://h:443/path":                {"", "", "h:443"},
	} {
		all, err := parseURLs(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		u, err := url.Parse(all[0].url)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		password, _ := u.User.Password()
		if u.User.Username() != want.user || password != want.password || u.Host != want.host {
			t.Errorf("%s became %q, %q at %q; want %+v", raw, u.User.Username(), password, u.Host, want)
		}
	}
}

func TestWrongURLs(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                "empty",
		"http://u:s3cret@h":               "scheme http",
		"nats://u:s3cret@":                "no host",
		"nats://u:s3cret@h:0":             "port",
		"nats://u:s3cret@h:x":             "port",
		"nats://u:s3cret@h:1:2":           "host:port",
		"nats://u:s3cret@h/path":          "path",
		"nats://u:s3cret@a b":             "host",
		"nats://u:s3@cret@h:99999":        "port",
		"u:s3cret@h:99999":                "port",
		"nats://ok,nats://u:s3cret@h:0":   "port",
		"nats://u:s3cret,x@h,nats://h2:0": "port",
	} {
		err := CheckURL(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", raw, err, want)
			continue
		}
		if strings.Contains(err.Error(), "s3") || strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: the password is in %q", raw, err)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for raw, want := range map[string]string{
		"nats://h:4222":                     "nats://h:4222",
		"nats://user:p@ss@host":             "nats://***@host",
		"user:pw@host":                      "***@host",
		"nats://a:b@one,nats://c:d,e@two:1": "nats://***@one,nats://***@two:1",
		"://a:b@h":                          "://***@h",
	} {
		if got := RedactURL(raw); got != want {
			t.Errorf("RedactURL(%q) = %q, want %q", raw, got, want)
		}
	}
}

func FuzzURLsKeepTheirSecrets(f *testing.F) {
	f.Add("nats", "p@ss", "host:4222")
	f.Add("http", "a/b", "h:99999")
	f.Add("nats://x@y,nats", ",://", "[::1")
	f.Fuzz(func(t *testing.T, scheme, password, host string) {
		const mark = "Zq9Secret"
		if strings.Contains(scheme+host, mark) {
			return
		}
		raw := scheme + "://user:" + mark + password + mark + "@" + host
		if strings.Contains(RedactURL(raw), mark) && !serverStart.MatchString(password+host) {
			t.Fatalf("RedactURL(%q) = %q", raw, RedactURL(raw))
		}
		if err := CheckURL(raw); err != nil && strings.Contains(err.Error(), mark) &&
			!serverStart.MatchString(password+host) {
			t.Fatalf("CheckURL(%q) = %v", raw, err)
		}
	})
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"vigil.alerts.>", "vigil.alerts.>", true},
		{"vigil.>", "vigil.alerts.>", true},
		{">", "vigil.alerts.>", true},
		{"*.alerts.>", "vigil.alerts.>", true},
		{"vigil.alerts.*.*", "vigil.alerts.>", false},
		{"vigil.alerts.yard.>", "vigil.alerts.>", false},
		{"vigil.alerts", "vigil.alerts.>", false},
		{"other.>", "vigil.alerts.>", false},
	} {
		if got := covers(c.wide, c.narrow); got != c.want {
			t.Errorf("covers(%q, %q) = %v", c.wide, c.narrow, got)
		}
	}
}
