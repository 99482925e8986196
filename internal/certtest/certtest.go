// Package certtest creates certificates for tests: of servers, cameras and clients, and of authorities.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Certificate is a server's or a client's, or an authority's.
type Certificate struct {
	PEM      []byte // without the key
	File     string // with the key
	CertFile string // without it
	KeyFile  string // the key alone

	parsed *x509.Certificate
	key    *ecdsa.PrivateKey
}

// SelfSigned makes a self-signed Certificate, as most cameras and every authority have, in a folder of the test. It is
// valid for the given hosts, which may be none.
func SelfSigned(t testing.TB, hosts ...string) *Certificate {
	t.Helper()
	return create(t, nil, hosts)
}

// Issue makes a certificate signed by this one.
func (c *Certificate) Issue(t testing.TB, hosts ...string) *Certificate {
	t.Helper()
	return create(t, c, hosts)
}

// create makes a certificate signed by the issuer, or self-signed without one.
func create(t testing.TB, issuer *Certificate, hosts []string) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	by, signer := &c, key
	if issuer != nil {
		by, signer = issuer.parsed, issuer.key
	} else {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert := &Certificate{
		PEM:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		File: filepath.Join(dir, "both.pem"), CertFile: filepath.Join(dir, "cert.pem"),
		KeyFile: filepath.Join(dir, "key.pem"), parsed: parsed, key: key,
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for path, data := range map[string][]byte{
		cert.File: slices.Concat(cert.PEM, secret), cert.CertFile: cert.PEM, cert.KeyFile: secret,
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert
}
