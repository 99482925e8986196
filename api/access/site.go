package access

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"vigil/internal/listener"
)

// setHeaders sets the headers of every answer. Nothing may run, be loaded or be framed, and no other site may use it.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would make the Origin of a form null
	h.Set("Cache-Control", "no-store")
}

// checkSite refuses what a page of another site makes a browser ask for. On a loopback address the host must be this
// machine, so that no site can let its own name point here (DNS rebinding); elsewhere nothing is answered without a
// login, which a browser keeps for one host.
func (g *Guard) checkSite(r *http.Request) error {
	if _, onSocket := peerOf(r.Context()); onSocket {
		return nil
	}
	if g.Loopback && !listener.IsThisMachine(hostname(r.Host)) {
		return errHost
	}
	if err := g.cross.Check(r); err != nil {
		return errOrigin
	}
	// Check lets every GET and HEAD through. Such a request from another site is only right for following a link.
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
	default:
		if r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
			return nil
		}
		return errOrigin
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return errOrigin
		}
	}
	return nil
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.Trim(host, "[]")
}

// forwarded reports whether a proxy has passed a request on: it comes from this machine, and yet from elsewhere.
func forwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if h[name] != nil {
			return true
		}
	}
	return false
}
