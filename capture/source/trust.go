package source

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"vigil/internal/errcode"
)

// Trust determines which certificates are accepted from an rtsps or https camera. The zero value accepts any: nearly
// all cameras have self-signed certificates for no host name. That protects against eavesdropping but not against a man
// in the middle.
type Trust struct {
	// System accepts certificates for the URL's host from the system's certificate authorities.
	System bool
	// PEM holds certificates: the camera's own, accepted for any host, or those of an authority, which must have issued
	// the camera's certificate for the URL's host.
	PEM []byte
}

// ErrUntrusted means that a camera shows a certificate that it may not.
var ErrUntrusted = errcode.CameraUntrustedCertificate.New(
	"the camera's certificate is not one that is trusted (key trust)")

// Any reports whether every certificate is accepted.
func (t Trust) Any() bool { return !t.System && len(t.PEM) == 0 }

// Check returns an error if PEM cannot be parsed.
func (t Trust) Check() error {
	_, err := t.certificates()
	return err
}

func (t Trust) certificates() (found []*x509.Certificate, err error) {
	for rest := t.PEM; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	if len(t.PEM) > 0 && len(found) == 0 {
		return nil, errors.New("there is no certificate in it; must be in PEM form, as -----BEGIN CERTIFICATE-----")
	}
	return found, nil
}

// TLSConfig returns the TLS configuration for connections to a host.
func (t Trust) TLSConfig(host string) (*tls.Config, error) {
	known, err := t.certificates()
	if err != nil {
		return nil, err
	}
	// A pinned certificate need not match the host name, which Go's own verification cannot express.
	c := &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true,
	} //nolint:gosec // VerifyConnection checks, where anything is to be checked.
	if t.Any() {
		return c, nil
	}
	var roots *x509.CertPool // nil for the system's
	if !t.System {
		roots = x509.NewCertPool()
		for _, k := range known {
			roots.AddCert(k)
		}
	}
	c.VerifyConnection = func(s tls.ConnectionState) error {
		shown := s.PeerCertificates[0]
		between := x509.NewCertPool()
		for _, k := range s.PeerCertificates[1:] {
			between.AddCert(k)
		}
		for _, k := range known {
			if k.Equal(shown) {
				return nil
			}
		}
		if _, err := shown.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between}); err != nil {
			return fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		return nil
	}
	return c, nil
}
