package access

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"vigil/internal/errcode"
	"vigil/internal/regular"
)

// reloadEvery is how often at most the files of a certificate are looked at, at a handshake.
const reloadEvery = time.Second

// Certificate is a server's, in files (PEM) that may be replaced while it is in use. Files that cannot be used are
// logged once, and the certificate before them goes on.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	seen    [2]fs.FileInfo // of the current one
	failed  string         // why newer files could not be used
	current *tls.Certificate
}

// LoadCertificate reads a certificate and its private key.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.looked = time.Now()
	c.seen = c.look()
	var err error
	c.current, err = c.load()
	return c, err
}

// Config returns the configuration of a server.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}

func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.looked) < reloadEvery {
		return c.current
	}
	c.looked = now
	files := c.look()
	if same(files[0], c.seen[0]) && same(files[1], c.seen[1]) {
		return c.current
	}
	changed, err := c.load()
	if err != nil { // it is tried again at the next look: what is wrong need not be in the files' times
		if text := err.Error(); text == c.failed {
			return c.current
		}
		c.failed = err.Error()
		c.log.Error("a changed TLS certificate cannot be used; the one before goes on", "error", err,
			errcode.Key, errcode.AccessTLS)
		return c.current
	}
	c.current, c.seen, c.failed = changed, files, ""
	c.log.Info("TLS certificate read again", "file", c.certFile, "until", changed.Leaf.NotAfter)
	return c.current
}

func (c *Certificate) load() (*tls.Certificate, error) {
	var parts [2][]byte
	for i, path := range []string{c.certFile, c.keyFile} {
		var err error
		if parts[i], err = regular.ReadFile(path); err != nil {
			return nil, errcode.AccessTLS.Wrap(err)
		}
	}
	pair, err := tls.X509KeyPair(parts[0], parts[1])
	if err != nil {
		return nil, errcode.AccessTLS.Wrap(fmt.Errorf("%s and %s: %w", c.certFile, c.keyFile, err))
	}
	return &pair, nil
}

// look returns what is known of the files; nil for one that is missing.
func (c *Certificate) look() (files [2]fs.FileInfo) {
	files[0], _ = os.Stat(c.certFile)
	files[1], _ = os.Stat(c.keyFile)
	return files
}

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
