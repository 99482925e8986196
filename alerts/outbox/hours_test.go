package outbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	natssink "vigil/alerts/sink/nats"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// lostAck delivers to a real server, and loses one acknowledgement.
type lostAck struct {
	natssink.Sink
	armed atomic.Bool
	lost  chan string   // the id of the message
	gone  chan struct{} // closed when the server is down
}

func (w *lostAck) Deliver(ctx context.Context, m sink.Message) error {
	err := w.Sink.Deliver(ctx, m)
	if err == nil && w.armed.CompareAndSwap(true, false) {
		w.lost <- m.ID
		<-w.gone
		return errors.New("the answer was lost")
	}
	return err
}

// The remote server is down for so long that it has forgotten the ids that it knew, and thousands of messages wait. It
// comes back, goes down again in the middle, and in the end has all of them, each camera's in order; repeated messages
// have the same id.
func TestRemoteDownForHours(t *testing.T) {
	const perCamera = 700 // events of three messages
	port, far := natstest.FreePort(t), t.TempDir()
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	remote := natstest.Launch(t, port, natstest.JetStreamIn(far))
	// With this window, a tenth of a second corresponds to hours with the default.
	const window = 100 * time.Millisecond
	withStream(t, url, func(ctx context.Context, js jetstream.JetStream) {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name:     broker.Stream,
			Subjects: []string{alerts.AllAlerts}, Duplicates: window,
		}); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := broker.Dial(alerttest.Within(t), broker.DialOptions{URL: url, ConnectInBackground: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	recorder := &lostAck{Sink: natssink.Sink{Conn: conn}, lost: make(chan string, 1), gone: make(chan struct{})}
	o := open(t, Options{
		Server: broker.Options{Dir: filepath.Join(t.TempDir(), "store"), SyncLazily: true},
		Sinks:  []sink.Sink{recorder}, LongestPause: 100 * time.Millisecond,
	})

	stored := map[string][]string{}
	stored["gate"] = wholeEvent(t, o, "gate")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	recorder.armed.Store(true)
	stored["gate"] = append(stored["gate"], wholeEvent(t, o, "gate")...)
	twice := <-recorder.lost
	remote.Kill()
	close(recorder.gone)
	time.Sleep(2 * window)
	for range perCamera {
		for _, camera := range victims {
			stored[camera] = append(stored[camera], wholeEvent(t, o, camera)...)
		}
	}
	if n := len(o.Backlog()["nats"]); n != len(victims) {
		t.Errorf("%d cameras wait, want %d", n, len(victims))
	}
	// It comes back briefly, and then permanently.
	remote = natstest.Launch(t, port, natstest.JetStreamIn(far))
	alerttest.Eventually(alerttest.Within(t), t, "the server is back and gets 50 messages", func() bool {
		return arrived(t, url) >= 50
	})
	remote.Kill()
	natstest.Launch(t, port, natstest.JetStreamIn(far))
	began := time.Now()
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	withStream(t, url, func(ctx context.Context, js jetstream.JetStream) {
		all := readAll(ctx, t, js)
		t.Logf("%d messages, %.0f a second", len(all), float64(len(all))/time.Since(began).Seconds())
		examine(t, all, stored)
		times := 0
		for _, m := range all {
			if m.Header.Get(jetstream.MsgIDHeader) == twice {
				times++
			}
		}
		if times != 2 {
			t.Errorf("%s, whose acknowledgement was lost, came %d times, want twice: the window is over", twice, times)
		}
	})
}

// arrived returns the number of messages on the remote server.
func arrived(t *testing.T, url string) (n uint64) {
	t.Helper()
	withStream(t, url, func(ctx context.Context, js jetstream.JetStream) {
		s, err := js.Stream(ctx, broker.Stream)
		if err != nil {
			t.Fatal(err)
		}
		n = s.CachedInfo().State.Msgs
	})
	return n
}
