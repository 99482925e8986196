package mqtt

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/alerts/sink/webhook"
	"vigil/internal/alerttest"
)

// startResettingServer returns the address of a server that resets each connection, and a count of these.
func startResettingServer(t *testing.T) (addr string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var mu sync.Mutex
	n := 0
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // unread data turns the close into a reset
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
			mu.Lock()
			n++
			mu.Unlock()
		}
	}()
	return l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// logLines is a log that is read while it is written.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The reason of a failed connection is logged once, though each attempt uses another local port.
func TestSameErrorIsLoggedOnce(t *testing.T) {
	addr, connections := startResettingServer(t)
	var log logLines
	w, err := New(Options{URL: "tcp://" + addr, Topic: "vigil", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx := alerttest.Within(t)
	for connections() < 4 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if n := strings.Count(log.String(), "no connection to MQTT"); n != 1 || !strings.Contains(log.String(), "reset") {
		t.Errorf("it was logged %d times:\n%s", n, &log)
	}
}

// The same for a webhook.
func TestSteadyErrorText(t *testing.T) {
	addr, _ := startResettingServer(t)
	hook, err := webhook.New(webhook.Options{URL: "http://" + addr})
	if err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for i := range texts {
		err := hook.Deliver(alerttest.Within(t), sink.Message{
			Subject: alerts.Subject("gate", alerts.PhaseStart),
			Data:    make([]byte, 1<<10),
		})
		if err == nil {
			t.Fatal("delivered to a server that resets connections")
		}
		texts[i] = sink.Steady(err)
	}
	if texts[0] != texts[1] || !strings.Contains(texts[0], "reset") {
		t.Errorf("%q and %q", texts[0], texts[1])
	}
}
