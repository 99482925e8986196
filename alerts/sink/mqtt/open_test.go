package mqtt

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"vigil/internal/leaktest"
)

// A failure at any step of dialling leaves nothing open.
func TestDialLeavesNothingOpen(t *testing.T) {
	answering := func(answer string) string {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		t.Cleanup(func() {
			_ = l.Close()
			<-done
		})
		go func() {
			defer close(done)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(answer))
				_ = c.Close()
			}
		}()
		return l.Addr().String()
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx   context.Context //nolint:containedctx // one of the inputs of a table
		where string
	}{
		"nobody there": {t.Context(), "tcp://127.0.0.1:1"},
		"hangs up":     {t.Context(), "tcp://" + answering("")},
		"no MQTT":      {t.Context(), "tcp://" + answering("HTTP/1.1 400 Bad Request\r\n\r\n")},
		"refused":      {t.Context(), "tcp://" + answering("\x20\x02\x00\x05")},
		"no TLS":       {t.Context(), "ssl://" + answering("\x20\x02\x00\x05")},
		"stopped":      {stopped, "tcp://" + answering("")},
	} {
		t.Run(name, func(t *testing.T) {
			leaktest.None(t, func() {
				if conn, err := dial(c.ctx, c.where, login{clientID: "x"}); err == nil {
					conn.drop(errors.New("over"))
					t.Error("connected")
				}
			})
		})
	}
	t.Run("a sink whose broker is away", func(t *testing.T) {
		leaktest.None(t, func() {
			w, err := New(Options{URL: "tcp://127.0.0.1:1", Topic: "vigil"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := errors.Join(w.Check(ctx), w.Close()); err == nil {
				t.Error("connected")
			}
		})
	})
	leaktest.None(t, func() {
		if _, err := New(Options{URL: "mqtt://host"}); err == nil {
			t.Error("an address of another kind is taken")
		}
	})
}
