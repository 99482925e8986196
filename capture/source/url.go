package source

import "strings"

// URL is an address split into parts like FFmpeg splits it.
type URL struct {
	Scheme, Login, Host, Port, Rest string // login ends with @ unless empty; host has no brackets
}

// URL splits an address that is a URL. The parts are not redacted.
func (a Address) URL() URL {
	var w URL
	var after string
	w.Scheme, after, _ = strings.Cut(a.Reveal(), "://")
	w.Scheme = strings.ToLower(w.Scheme)
	end := len(after)
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		end = i
	}
	authority := after[:end]
	w.Rest = after[end:]
	at := strings.LastIndexByte(authority, '@') + 1
	w.Login, w.Host = authority[:at], authority[at:]
	if i := strings.LastIndexByte(w.Host, ':'); i >= 0 && !strings.HasSuffix(w.Host, "]") {
		w.Host, w.Port = w.Host[:i], w.Host[i+1:]
	} else {
		w.Port = map[string]string{"rtsp": "554", "rtsps": "322", "http": "80", "https": "443"}[w.Scheme]
	}
	w.Host = Unescape(strings.Trim(w.Host, "[]"))
	return w
}

// Hostname is the host name for certificate verification: without the zone of an IPv6 address.
func (w URL) Hostname() string {
	name, _, _ := strings.Cut(w.Host, "%")
	return name
}
