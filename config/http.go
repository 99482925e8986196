package config

import (
	"errors"
	"strings"

	"vigil/internal/listener"
)

// Off is the value of HTTP.Listen and HTTP.Pprof for no listener.
const Off = "off"

// HTTP says where the API, metrics and health are served, and to whom.
type HTTP struct {
	// Listen is the address of the API and of /metrics, /healthz and /readyz, or off. One that other machines reach,
	// as 0.0.0.0:8443, needs tls, and a user or a token (vigil user, vigil token).
	Listen string `yaml:"listen"`
	// TLS names the files of the certificate that is shown at listen. They are read again when they have changed.
	TLS ServerTLS `yaml:"tls"`
	// Insecure lets listen be an address that other machines reach, without tls: everyone on the way can read the
	// passwords and the pictures. Each start logs that.
	Insecure bool `yaml:"insecure"`
	// Anonymous lets everyone on this machine look without a login, if only this machine reaches listen. Set it to
	// false where something passes requests from elsewhere on, such as a proxy, or where other users are on the
	// machine.
	Anonymous bool `yaml:"anonymous"`
	// Pprof is the address for profiles of the program (/debug/pprof/) for programs of this machine, as 127.0.0.1:6060,
	// or off. Profiles may hold what is in the memory.
	Pprof string `yaml:"pprof"`
}

// ServerTLS names the files of a server's certificate.
type ServerTLS struct {
	// Cert is a file with the certificate (PEM), and those between it and its authority.
	Cert string `yaml:"cert" path:"file"`
	// Key is the file with its private key (PEM).
	Key string `yaml:"key" path:"file"`
}

// Open reports whether other machines reach the address Listen.
func (h HTTP) Open() bool {
	return h.Listen != Off && errors.Is(listener.CheckAddress(h.Listen), listener.ErrReachable)
}

func (f *problemList) http(h HTTP) {
	for _, a := range []struct{ key, address string }{{"http.listen", h.Listen}, {"http.pprof", h.Pprof}} {
		if a.address == Off {
			continue
		}
		err := listener.CheckAddress(a.address)
		switch {
		case err == nil:
		case a.key != "http.listen" || !errors.Is(err, listener.ErrReachable):
			f.add(a.key, quoted(a.address), "%s", err)
		case h.TLS == ServerTLS{} && !h.Insecure:
			f.add(a.key, quoted(a.address), "which other machines reach; must have http.tls.cert and http.tls.key (or "+
				"http.insecure: true, so that everyone on the way can read it), or be an address of this machine, "+
				"such as 127.0.0.1:8080")
		}
	}
	f.tls("http.tls", TLS{Cert: h.TLS.Cert, Key: h.TLS.Key})
	if h.Listen != Off && h.Listen == h.Pprof && !strings.HasSuffix(h.Listen, ":0") { // :0 is any free port
		f.add("http.pprof", quoted(h.Pprof), "the same as http.listen; must be another address, or off")
	}
}
