package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"vigil/capture/source"
	"vigil/geometry"
)

// CameraNamePattern is the form of a camera's name.
const CameraNamePattern = `^[a-z0-9_-]{1,64}$`

var nameForm = regexp.MustCompile(CameraNamePattern)

func (f *problemList) camera(key string, c Camera) {
	switch {
	case c.Name == "":
		f.add(key+".name", "", "is missing; every camera must have a name")
	case !nameForm.MatchString(c.Name):
		f.add(key+".name", quoted(c.Name), "must be 1 to 64 of a-z, 0-9, _ and -")
	}
	if c.Source == (source.Address{}) {
		f.add(key+".source", "", "is missing; must be a URL, a device, a video file or a folder of pictures")
	}
	f.settings(key, c.Settings)
}

func (f *problemList) settings(key string, s Settings) {
	if t := s.Threshold; t != nil {
		if s.Calibration != "" {
			f.add(key+".threshold", "", "is given beside a calibration, which has a threshold; must be one of the two")
		}
		if !(t.Lo < t.Theta) || math.IsInf(t.Theta, 1) { // also true for NaN.
			f.add(key+".threshold.theta", fmt.Sprint(t.Theta), "must be above lo (%v) and finite", t.Lo)
		}
	}
	if s.Trust == "" {
		f.add(key+".trust", quoted(s.Trust), "must be any, system or a file with certificates")
	}
	for i, host := range s.Follow {
		if _, err := source.ParseHost(host); err != nil {
			f.add(fmt.Sprintf("%s.follow[%d]", key, i), quoted(host), "%s", err)
		}
	}
	if s.Reconnect.Max < s.Reconnect.Min {
		f.add(key+".reconnect.max", s.Reconnect.Max.String(), "must be at least reconnect.min (%v)", s.Reconnect.Min)
	}
	if !(s.Detector.Enter < s.Detector.Leave) {
		f.add(key+".detector.leave", fmt.Sprint(s.Detector.Leave), "must be above detector.enter (%v)",
			s.Detector.Enter)
	}
	if factor := s.Detector.OpenAtOnce; factor > 0 && factor < 1 {
		f.add(key+".detector.open_at_once", fmt.Sprint(factor), "must be 0 for never, or at least 1")
	}
	for i, p := range s.Mask {
		f.polygon(fmt.Sprintf("%s.mask[%d]", key, i), p)
	}
	f.zones(key, s.Zones)
	for i, h := range s.Armed {
		f.hours(fmt.Sprintf("%s.armed[%d]", key, i), h)
	}
}

func (f *problemList) zones(key string, zones []Zone) {
	names := map[string]int{}
	for i, z := range zones {
		at := fmt.Sprintf("%s.zones[%d]", key, i)
		first, twice := names[z.Name]
		switch {
		case z.Name == "":
			f.add(at+".name", "", "is missing; every zone must have a name")
		case len(z.Name) > 64 || strings.TrimSpace(z.Name) != z.Name || strings.ContainsFunc(z.Name, unicode.IsControl):
			f.add(at+".name", quoted(z.Name), "must be 1 to 64 bytes of text without spaces around it")
		case twice:
			f.add(at+".name", quoted(z.Name),
				"the same as zones[%d].name; every zone of a camera must have a name of its own", first)
		default:
			names[z.Name] = i
		}
		f.polygon(at+".polygon", z.Polygon)
	}
}

func (f *problemList) polygon(key string, p geometry.Polygon) {
	if err := p.Check(); err != nil {
		f.add(key, "", "%s", err)
	} else if flat(p) {
		f.add(key, "", "has all its corners on one line; must enclose an area")
	} else if i, j, crossed := crossing(p); crossed {
		f.add(key, "",
			"crosses itself: the edge from corner %d to %d and the edge from corner %d to %d, so a part of the area "+
				"is not in it; "+
				"must have its corners in the order of the outline", i+1, (i+1)%len(p)+1, j+1, (j+1)%len(p)+1)
	}
}

// crossing returns the first two edges of a polygon that cross, by their start corners. Edges that only touch do not
// cross.
func crossing(p geometry.Polygon) (i, j int, crossed bool) {
	// side is positive if c lies to the left of the line from a to b.
	side := func(a, b, c geometry.Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }
	apart := func(a, b, c, d geometry.Point) bool { return side(a, b, c)*side(a, b, d) < 0 }
	for i := range p {
		for j := i + 1; j < len(p); j++ {
			a, b, c, d := p[i], p[(i+1)%len(p)], p[j], p[(j+1)%len(p)]
			if apart(a, b, c, d) && apart(c, d, a, b) {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// flat reports whether all corners lie on one line, to a millionth of the picture's area: the one through the first
// corner and the corner farthest from it.
func flat(p geometry.Polygon) bool {
	a, b := p[0], p[0]
	for _, c := range p {
		if math.Hypot(c.X-a.X, c.Y-a.Y) > math.Hypot(b.X-a.X, b.Y-a.Y) {
			b = c
		}
	}
	return !slices.ContainsFunc(p, func(c geometry.Point) bool {
		return math.Abs((b.X-a.X)*(c.Y-a.Y)-(b.Y-a.Y)*(c.X-a.X)) > 1e-6
	})
}

func (f *problemList) hours(key string, h Hours) {
	for i, d := range h.Days {
		if _, err := parseDays(d); err != nil {
			f.add(fmt.Sprintf("%s.days[%d]", key, i), quoted(d), "%s", err)
		}
	}
	const midnight Clock = 24 * 60
	if h.From < 0 || h.From >= midnight {
		f.add(key+".from", h.From.String(), "must be from 00:00 to 23:59")
	}
	if h.To < 0 || h.To > midnight {
		f.add(key+".to", h.To.String(), "must be from 00:00 to 24:00")
	}
	if h.From == h.To && h.From != 0 {
		f.add(key+".to", h.To.String(), "the same as from; must differ (a whole day is 00:00 to 24:00)")
	}
}

func (f *problemList) nats(n NATS) {
	if n.URL == "" {
		for _, k := range []struct {
			key   string
			given bool
		}{
			{"user", n.User != ""},
			{"password", n.Password != Secret{}},
			{"token", n.Token != Secret{}},
			{"creds", n.Creds != ""},
			{"nkey", n.NKey != ""},
			{"tls", n.TLS != TLS{}},
		} {
			if k.given {
				f.add("nats."+k.key, "",
					"is given without nats.url; must have one, or stand under nats.embedded for the server inside vigil")
			}
		}
	} else {
		for server := range strings.SplitSeq(n.URL, ",") {
			f.server(strings.TrimSpace(server))
		}
		f.logins(n)
	}
	e := n.Embedded
	f.pair("nats.embedded", e.User, e.Password)
	f.accounts(e)
	if ip := net.ParseIP(e.Host); e.Host != "" && !strings.EqualFold(e.Host, "localhost") && (ip == nil ||
		!ip.IsLoopback()) &&
		e.User == "" && len(e.Accounts) == 0 {
		f.add("nats.embedded.host", quoted(e.Host),
			"which other machines reach; must be 127.0.0.1, or have nats.embedded.user and nats.embedded.password, "+
				"or nats.embedded.accounts")
	}
}

// server checks one address of an external server. Its messages never quote it: it may hold a password.
func (f *problemList) server(s string) {
	u, err := url.Parse(s)
	switch {
	case strings.Contains(s, "@"):
		f.add("nats.url", "",
			"has a user, password or token in it; must be given as nats.user and nats.password, or nats.token")
	case err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" &&
		u.Scheme != "wss":
		f.add("nats.url", "", "is not an address of a NATS server; must be as nats://host:4222 (or tls, ws, wss)")
	}
}

func (f *problemList) logins(n NATS) {
	f.pair("nats", n.User, n.Password)
	var logins []string
	for _, w := range []struct {
		name  string
		given bool
	}{
		{"user", n.User != "" || n.Password != Secret{}},
		{"token", n.Token != Secret{}},
		{"creds", n.Creds != ""},
		{"nkey", n.NKey != ""},
	} {
		if w.given {
			logins = append(logins, w.name)
		}
	}
	if len(logins) > 1 {
		f.add("nats."+logins[1], "", "is given beside %s; must be one of user, token, creds and nkey", logins[0])
	}
}

func (f *problemList) pair(key, user string, password Secret) {
	switch {
	case user != "" && password == Secret{}:
		f.add(key+".password", "", "is missing; %s.user must have one", key)
	case user == "" && password != Secret{}:
		f.add(key+".user", "", "is missing; %s.password must have one", key)
	}
}
