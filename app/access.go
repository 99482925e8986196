package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"

	"vigil/api/access"
	"vigil/config"
	"vigil/internal/errcode"
)

// accessPoint is who may do what at http.listen.
type accessPoint struct {
	guard *access.Guard
	tls   *tls.Config // nil without a certificate
	url   string      // "" while nothing listens
}

// openAccess loads the certificate, and makes the guard.
func openAccess(cfg config.Config, log *slog.Logger) (*accessPoint, error) {
	p := &accessPoint{guard: access.NewGuard(access.Options{
		Store: access.NewStore(cfg.DataDir), Loopback: !cfg.HTTP.Open(),
		Anonymous: cfg.HTTP.Anonymous, TLS: cfg.HTTP.TLS != config.ServerTLS{},
		Log: log,
	})}
	if p.guard.TLS {
		c, err := access.LoadCertificate(cfg.HTTP.TLS.Cert, cfg.HTTP.TLS.Key, log)
		if err != nil {
			return nil, Usage(fmt.Errorf("http.tls: %w", err))
		}
		p.tls = c.Config()
	} else if cfg.HTTP.Open() {
		log.Warn("http.insecure is true: passwords and pictures cross the network readable", "key", "http.insecure",
			"listen", cfg.HTTP.Listen, errcode.Key, errcode.AccessInsecure)
	}
	return p, nil
}

// checkAccess returns why http.listen, which other machines would reach, may not be opened: nobody could log in.
func checkAccess(cfg config.Config) error {
	if !cfg.HTTP.Open() {
		return nil
	}
	empty, err := access.NewStore(cfg.DataDir).Empty()
	if err == nil && empty {
		err = errcode.AccessNone.Wrap(
			fmt.Errorf("is %q, which other machines reach, and there is no user and no token: "+
				"make one with 'vigil user add' or 'vigil token add', or set an address of this machine, such as "+
				"127.0.0.1:8080", cfg.HTTP.Listen))
	}
	if err != nil {
		return Usage(fmt.Errorf("http.listen: %w", err))
	}
	return nil
}

// oneTimeURL returns an address that logs in once.
func (p *accessPoint) oneTimeURL() (string, error) {
	u, err := url.Parse(p.url)
	if err != nil || p.url == "" {
		return "", errcode.ServerNoHTTP.Wrap(
			errors.New("nothing listens at http.listen: it is off, or could not be opened"))
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("localhost", u.Port())
	}
	return u.String() + p.guard.OneTimePath(), nil
}
