package rtsptest

import (
	"bytes"
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
	"testing"
	"time"
)

// Certificate is one that a camera has signed itself, as most do, with its key. It is valid for the hosts that are named, which
// may be none.
type Certificate struct {
	PEM  []byte // without the key
	File string // with the key
}

// SelfSigned makes a Certificate in a folder of the test.
func SelfSigned(t testing.TB, hosts ...string) *Certificate {
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
		SerialNumber: serial, Subject: pkix.Name{CommonName: "camera"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := &Certificate{
		PEM:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		File: filepath.Join(t.TempDir(), "camera.pem"),
	}
	both := bytes.Join([][]byte{cert.PEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}, nil)
	if err := os.WriteFile(cert.File, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return cert
}
