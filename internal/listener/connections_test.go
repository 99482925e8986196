package listener

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial connects, sends the beginning of a request, and leaves it there.
func dial(t *testing.T, s *Server, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, _ = io.WriteString(c, text) // the server may have closed it
	return c
}

func get(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// Neither 1000 idle connections nor 1000 that send a request byte by byte keep others out, and a request that is being
// answered is not cut.
func TestManyConnections(t *testing.T) {
	for name, text := range map[string]string{
		"idle": "", "slow": "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b",
		"slow body": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			began := make(chan struct{})
			mux := http.NewServeMux()
			mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, "hello")
			})
			mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
				close(began)
				<-release
				_, _ = io.WriteString(w, "whole")
			})
			s, err := Open(Options{
				Address: "127.0.0.1:0", Handler: mux, Guarded: true, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close(t.Context()) })
			var long sync.WaitGroup
			long.Go(func() {
				if status := get(t, &http.Client{}, s.URL()+"/long"); status != http.StatusOK {
					t.Errorf("the long request: %d", status)
				}
			})
			<-began
			for range 1000 {
				dial(t, s, text)
			}
			for range 20 {
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				if status := get(t, client, s.URL()); status != http.StatusOK {
					t.Errorf("among many: %d", status)
				}
			}
			close(release)
			long.Wait()
		})
	}
}

// One address may have only some of the connections, and so may an IPv6 network; this machine, where a proxy may be,
// all.
func TestOneAddress(t *testing.T) {
	c := &connections{all: map[net.Conn]*connection{}}
	connect := func(from string) net.Conn {
		f := &fakeConn{from: from}
		c.add(f)
		return f
	}
	left := func(from string) (n int) {
		for _, one := range c.all {
			if one.from == from {
				n++
			}
		}
		return n
	}
	other := connect("10.0.0.8:1")
	for i := range 10 * maxFromOneAddress {
		connect(fmt.Sprintf("10.0.0.7:%d", i+1))
		connect(fmt.Sprintf("[2001:db8::%x]:1", i+1))
		connect(fmt.Sprintf("[fe80::1%%eth0]:%d", i+1))
	}
	for _, from := range []string{"10.0.0.7", "2001:db8::/64", "fe80::/64"} {
		if n := left(from); n == 0 || n > maxFromOneAddress {
			t.Errorf("%d of %s", n, from)
		}
	}
	if c.all[other] == nil {
		t.Error("the connection of another address was closed")
	}
	var last net.Conn
	for range 2 * maxConnections {
		last = connect("127.0.0.1:1")
	}
	if n := len(c.all); n > maxConnections || left(ThisMachine) < maxConnections/2 {
		t.Errorf("%d connections, %d of this machine", n, left(ThisMachine))
	}
	if c.all[last] == nil {
		t.Error("the latest connection was closed while older ones were idle")
	}
}

type fakeConn struct {
	net.Conn
	from string
}

func (f *fakeConn) RemoteAddr() net.Addr { return fakeAddr(f.from) }
func (f *fakeConn) Close() error         { return nil }

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (f fakeAddr) String() string { return string(f) }

// What a handler leaves of a body is never taken for the next request: the connection ends after the answer.
func TestBodyIsLeft(t *testing.T) {
	s, err := Open(Options{
		Address: "127.0.0.1:0", Guarded: true, Log: slog.New(slog.DiscardHandler),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 10)
			_ = r.Body.Close()
			_, _ = io.WriteString(w, "early")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	const inner = "GET /inner HTTP/1.1\r\nHost: localhost\r\n\r\n"
	body := strings.Repeat(inner, 1<<20/len(inner))
	c := dial(t, s, fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", len(body)))
	go func() { _, _ = io.WriteString(c, body) }()
	answers, _ := io.ReadAll(c) // it may end by a reset
	if n := strings.Count(string(answers), "HTTP/1.1"); n > 1 {
		t.Errorf("%d answers: %.300s", n, answers)
	}
}

// A body that never ends is cut by the handler's limit and by time, not read to its end.
func TestEndlessBody(t *testing.T) {
	var read int64
	done := make(chan struct{})
	s, err := Open(Options{
		Address: "127.0.0.1:0", Guarded: true, Log: slog.New(slog.DiscardHandler),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			read, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<10))
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	c := dial(t, s, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n")
	sent := int64(0)
	for chunk := make([]byte, 64<<10); sent < 1<<30; {
		_ = c.SetWriteDeadline(time.Now().Add(20 * time.Second))
		n, err := c.Write(chunk)
		sent += int64(n)
		if err != nil {
			break // the server has closed the connection
		}
	}
	<-done
	if read != 1<<10 || sent == 1<<30 {
		t.Errorf("%d bytes were read of %d sent", read, sent)
	}
}
