package mqtt

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// cutProxy forwards a free port to a broker. It cuts its first connection after so many bytes in either direction;
// later ones stay.
type cutProxy struct {
	addr     string
	up, down int64 // bytes to the broker and from it, below 0 for all
	first    sync.Once
}

func newCutProxy(t *testing.T, port int, up, down int64) *cutProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &cutProxy{addr: ln.Addr().String(), up: up, down: down}
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	t.Cleanup(func() {
		stop()
		_ = ln.Close()
		work.Wait()
	})
	work.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			work.Go(func() { p.serve(ctx, near, fmt.Sprintf("127.0.0.1:%d", port)) })
		}
	})
	return p
}

func (p *cutProxy) serve(ctx context.Context, near net.Conn, target string) {
	defer near.Close()
	up, down := int64(-1), int64(-1)
	p.first.Do(func() { up, down = p.up, p.down })
	if up == 0 {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	over := make(chan struct{}, 2)
	forward := func(to, from net.Conn, most int64) {
		if most < 0 {
			_, _ = io.Copy(to, from)
		} else {
			_, _ = io.CopyN(to, from, most)
		}
		over <- struct{}{}
	}
	var both sync.WaitGroup
	both.Go(func() { forward(far, near, up) })
	both.Go(func() { forward(near, far, down) })
	select {
	case <-over:
	case <-ctx.Done():
	}
	_ = near.Close()
	_ = far.Close()
	both.Wait()
}

// A connection that is cut at any byte of its beginning, within a packet or between two, in either direction, is made
// again, and waiting messages are delivered.
func TestReconnectAfterCut(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		var all sync.WaitGroup
		try := func(i int, up, down int64) {
			camera := fmt.Sprintf("camera-%d", i)
			w, err := New(Options{
				URL: "tcp://" + newCutProxy(t, s.port, up, down).addr, Topic: fmt.Sprintf("vigil-%d", i),
				Discovery: "homeassistant",
				Cameras:   []string{camera}, User: writer, Password: writer,
			})
			if err != nil {
				t.Error(err)
				return
			}
			all.Go(func() {
				defer w.Close()
				w.Status(alerts.Status{Camera: camera, State: alerts.StateLive})
				a := event(camera, alerts.NewID(), 0, alerts.PhaseStart)
				data, err := alerts.Encode(a)
				if err != nil {
					t.Error(err)
					return
				}
				ctx := alerttest.Within(t)
				m := sink.Message{Seq: 1, Camera: camera, Subject: a.Subject(), ID: a.MessageID(), Data: data}
				for {
					err := w.Deliver(ctx, m)
					if err == nil {
						return
					}
					select {
					case <-ctx.Done():
						t.Errorf("cut after %d bytes there and %d back: %v", up, down, err)
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
		}
		n := 0
		for up := int64(0); up < 2800; up += 199 {
			try(n, up, -1)
			n++
		}
		for down := int64(0); down < 40; down += 4 { // each acknowledgement has 4 bytes, as has that of the login
			down := down + int64(n)%2
			try(n, -1, down)
			n++
		}
		all.Wait()
	})
}
