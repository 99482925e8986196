package source

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Trust says whose certificate a camera may show that is reached by rtsps or https. The zero value takes any: nearly
// all cameras sign their own, for no name, and then the connection is safe from those who listen and not from those
// who stand in between.
type Trust struct {
	// System takes one that an authority vouches for that this system knows, for the URL's host.
	System bool
	// PEM holds certificates: of the camera itself, whatever host it is for, or of an authority that vouches for it,
	// for the URL's host.
	PEM []byte
}

// ErrUntrusted means that a camera shows a certificate that it may not.
var ErrUntrusted = errors.New("the camera's certificate is not one that is trusted (key trust)")

// Any reports whether every certificate is taken.
func (t Trust) Any() bool { return !t.System && len(t.PEM) == 0 }

// Check reports whether PEM can be read.
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

// TLSConfig is how a host of this name is spoken to.
func (t Trust) TLSConfig(host string) (*tls.Config, error) {
	known, err := t.certificates()
	if err != nil {
		return nil, err
	}
	// A certificate that is known itself need be for no name, which Go's own check cannot be told.
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
