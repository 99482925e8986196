package config

import (
	"strings"

	"vigil/internal/listener"
)

// Off is the value of HTTP.Listen and HTTP.Pprof for no listener.
const Off = "off"

// HTTP says where metrics and health are served.
type HTTP struct {
	// Listen is the address for /metrics, /healthz and /readyz, or off. Only programs of this machine may reach it, as
	// on 127.0.0.1.
	Listen string `yaml:"listen"`
	// Pprof is the address for profiles of the program (/debug/pprof/), likewise, or off. Profiles may hold what is in
	// the memory.
	Pprof string `yaml:"pprof"`
}

func (f *problemList) http(h HTTP) {
	for _, a := range []struct{ key, address string }{{"http.listen", h.Listen}, {"http.pprof", h.Pprof}} {
		if a.address == Off {
			continue
		}
		if err := listener.CheckAddress(a.address); err != nil {
			f.add(a.key, quoted(a.address), "%s", err)
		}
	}
	if h.Listen != Off && h.Listen == h.Pprof && !strings.HasSuffix(h.Listen, ":0") { // :0 is any free port
		f.add("http.pprof", quoted(h.Pprof), "the same as http.listen; must be another address, or off")
	}
}
