//go:build cgo && gocv_videoio

package worker

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/certtest"
	"vigil/internal/rtsptest"
)

func startOn(t *testing.T, url string, o Options) (*Process, error) {
	t.Helper()
	var err error
	if o.Address, err = source.ParseAddress(url); err != nil {
		t.Fatal(err)
	}
	o.OpenTimeout, o.ReadTimeout, o.Side = 30*time.Second, 30*time.Second, 64
	p, err := Start(t.Context(), o)
	if err == nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return p, err
}

// TestOptionsReachWorker checks that the configuration reaches FFmpeg in the worker: the transport, and the last known
// frame rate.
func TestOptionsReachWorker(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	for transport, wantUDP := range map[string]bool{"": false, "tcp": false, "udp": true} {
		p, err := startOn(t, server.URL(), Options{Transport: transport, FPSHint: 24})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := p.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := udpSockets(t, p.PID()); (n > 0) != wantUDP {
			t.Errorf("by %q: %d sockets of UDP", transport, n)
		}
		if p.Info().FPS != 24 {
			t.Errorf("the rate is %g, want the one that is known", p.Info().FPS)
		}
	}
}

// TestTrustReachesWorker checks the same for the accepted certificates.
func TestTrustReachesWorker(t *testing.T) {
	shown := certtest.SelfSigned(t)
	server := rtsptest.Start(t, rtsptest.Options{Certificate: shown, User: "viewer", Password: "geheim"})
	for _, trust := range []source.Trust{{}, {PEM: shown.PEM}} {
		p, err := startOn(t, server.URL(), Options{Trust: trust})
		if err == nil {
			_, err = p.Next(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
	for _, trust := range []source.Trust{{System: true}, {PEM: certtest.SelfSigned(t).PEM}} {
		_, err := startOn(t, server.URL(), Options{Trust: trust})
		if err == nil || !strings.Contains(err.Error(), "not one that is trusted") ||
			strings.Contains(err.Error(), "geheim") || errors.Is(err, ErrDied) {
			t.Errorf("error %v", err)
		}
	}
}

// udpSockets counts a process's UDP sockets.
func udpSockets(t *testing.T, pid int) (n int) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	var tables []byte
	for _, name := range []string{"udp", "udp6"} {
		text, err := os.ReadFile(filepath.Join(dir, "net", name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		tables = append(tables, text...)
	}
	links, err := filepath.Glob(filepath.Join(dir, "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok &&
			bytes.Contains(tables, []byte(" "+strings.TrimSuffix(inode, "]")+" ")) {
			n++
		}
	}
	return n
}
