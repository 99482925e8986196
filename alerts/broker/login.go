package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"vigil/internal/regular"
)

// TLS configures the trusted and own certificates. The zero value trusts the system's authorities and presents no
// certificate. Servers with a tls:// address always use TLS; if any of these files is set, so do all others.
type TLS struct {
	CA   string // path of the trusted certificates, PEM
	Cert string // path of our own certificate, PEM
	Key  string // path of its key, PEM
}

// Config reads the files; nil if none is set.
func (t TLS) Config() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := regular.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("TLS certificate authority: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("TLS certificate authority %s: holds no certificate in PEM form", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("TLS: give both a certificate and its key, or neither")
	}
	if t.Cert != "" {
		cert, err := regular.ReadFile(t.Cert)
		if err != nil {
			return nil, fmt.Errorf("TLS certificate: %w", err)
		}
		key, err := regular.ReadFile(t.Key)
		if err != nil {
			return nil, fmt.Errorf("TLS key: %w", err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("TLS certificate %s with key %s: %w", t.Cert, t.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// authOptions are the options for login and TLS. Files are read here, so that a missing one is reported before
// connecting.
func (o DialOptions) authOptions() ([]nats.Option, error) {
	var opts []nats.Option
	if o.User != "" || o.Password != "" {
		opts = append(opts, nats.UserInfo(o.User, o.Password))
	}
	if o.Token != "" {
		opts = append(opts, nats.Token(o.Token))
	}
	if o.Creds != "" {
		if _, err := regular.ReadFile(o.Creds); err != nil {
			return nil, fmt.Errorf("NATS credentials file: %w", err)
		}
		opts = append(opts, nats.UserCredentials(o.Creds))
	}
	if o.NKey != "" {
		if _, err := regular.ReadFile(o.NKey); err != nil {
			return nil, fmt.Errorf("NATS nkey file: %w", err)
		}
		key, err := nats.NkeyOptionFromSeed(o.NKey)
		if err != nil {
			return nil, fmt.Errorf("NATS nkey file %s: must hold the seed of a user, which begins with SU: %w",
				o.NKey, err)
		}
		opts = append(opts, key)
	}
	secure, err := o.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if secure != nil {
		opts = append(opts, nats.Secure(secure))
	}
	return opts, nil
}

// Check checks the address and the files without connecting.
func (o DialOptions) Check() error {
	_, err := o.authOptions()
	return errors.Join(CheckURL(o.URL), err)
}

// connect is nats.Connect with a context. If ctx ends first, the attempt ends by its own timeout.
func connect(ctx context.Context, url string, opts []nats.Option) (*nats.Conn, error) {
	type result struct {
		nc  *nats.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		nc, err := nats.Connect(url, opts...)
		done <- result{nc, err}
	}()
	select {
	case r := <-done:
		return r.nc, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.nc != nil {
				r.nc.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// connectError adds a remedy to an error of connecting.
func (c *Conn) connectError(err error) error {
	text := err.Error()
	hint := ""
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired),
		strings.Contains(strings.ToLower(text), "authorization"):
		hint = "user, password, token or credentials file is not what this server expects"
	case errors.Is(err, nats.ErrNoServers), strings.Contains(text, "refused"):
		hint = "no server answers there: start it, or correct the address"
	case strings.Contains(text, "certificate signed by unknown authority"):
		hint = "name the certificate authority that the server's certificate is from"
	case strings.Contains(text, "certificate is not valid for"), strings.Contains(text, "certificate is valid for"):
		hint = "use the host name that the server's certificate is for"
	case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate"),
		strings.Contains(text, "closed by remote after TLS handshake"):
		hint = "this server asks for a client's certificate that it knows"
	case strings.Contains(text, "INFO"):
		hint = "what answers there is not a NATS server"
	case errors.Is(err, nats.ErrTimeout), strings.Contains(text, "timeout"):
		hint = "no answer in time: is the address right, and is it a NATS server?"
	case strings.Contains(text, "no such host"):
		hint = "correct the host name"
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		hint = "server and address disagree on TLS: use tls:// where the server asks for it"
	}
	if hint == "" {
		return c.scrub(err)
	}
	return fmt.Errorf("%w: %s", c.scrub(err), hint)
}
