package listener

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"vigil/internal/alerttest"
)

func open(t *testing.T, h http.Handler) *Server {
	t.Helper()
	s, err := Open(Options{Address: "127.0.0.1:0", Handler: h, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })

func TestCheckAddress(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8080": "", "127.1.2.3:1": "", "[::1]:0": "", "localhost:9": "", "LocalHost:65535": "",
		"0.0.0.0:8080": "other machines", ":8080": "other machines", "[::]:8080": "other machines",
		"10.0.0.7:8080": "other machines", "vigil.example:80": "other machines",
		"127.0.0.1.example:80": "other machines",
		"127.0.0.1":            "with a port", "127.0.0.1:": "with a port", "127.0.0.1:http": "with a port",
		"127.0.0.1:65536": "with a port", "": "with a port", "on": "with a port", "::1:80": "with a port",
	} {
		err := CheckAddress(address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
	if _, err := Open(Options{Address: "0.0.0.0:0"}); err == nil {
		t.Error("it listens for other machines")
	}
}

// Only this machine's names are answered, and only requests that read.
func TestGuard(t *testing.T) {
	s := open(t, hello)
	for _, tt := range []struct {
		method, host string
		want         int
	}{
		{"GET", "", 200},
		{"HEAD", "", 200},
		{"GET", "localhost", 200},
		{"GET", "localhost:1234", 200},
		{"GET", "[::1]:80", 200},
		{"GET", "[::1]", 200},
		{"GET", "evil.example", 421},
		{"GET", "evil.example:8080", 421},
		{"GET", "127.0.0.1.evil.example", 421},
		{"GET", "localhost.evil.example", 421},
		{"GET", "10.0.0.7", 421},
		{"POST", "", 405},
		{"PUT", "", 405},
		{"DELETE", "", 405},
		{"OPTIONS", "", 405},
		{"POST", "evil.example", 421},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != tt.want || tt.want != 200 && strings.Contains(string(body), "hello") {
			t.Errorf("%s for %q: %d %q, want %d", tt.method, tt.host, resp.StatusCode, body, tt.want)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" ||
			resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s for %q: headers %v", tt.method, tt.host, resp.Header)
		}
	}
}

func TestInUse(t *testing.T) {
	s := open(t, hello)
	_, err := Open(Options{Address: s.at.String(), Handler: hello, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), s.at.String()) {
		t.Errorf("a second one: %v", err)
	}
}

// A header without end is refused and does not fill the memory.
func TestLongHeader(t *testing.T) {
	s := open(t, hello)
	c, err := net.Dial("tcp", s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(alerttest.LongWait)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return // cut without an answer
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Close waits for a response in progress, but not longer than it may; then nothing listens.
func TestClose(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	s := open(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer close(release)
	go func() {
		resp, err := http.Get(s.URL())
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", s.at.String()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}
