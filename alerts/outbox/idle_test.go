package outbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// Of cameras that are gone nothing is left but their cursors once everything is delivered: two hundred names leave no
// goroutine. What is not delivered stays, and a camera that comes back goes on where it was, also after a restart.
func TestIdleForwardersEnd(t *testing.T) {
	const names = 200
	var blocked atomic.Bool
	blocked.Store(true)
	recorder := &recordingSink{name: "recorder"}
	slow := &recordingSink{name: "slow", refuse: func(m sink.Message) error {
		if m.Camera == "c7" && blocked.Load() {
			return errors.New("blocked")
		}
		return nil
	}}
	options := Options{
		Server:    broker.Options{Dir: filepath.Join(t.TempDir(), "store"), SyncLazily: true},
		Sinks:     []sink.Sink{recorder, slow},
		IdleAfter: 10 * time.Millisecond,
	}
	o := open(t, options)
	before := runtime.NumGoroutine()
	want := map[string][]string{}
	publish := func(camera string) {
		t.Helper()
		a := alerttest.Event(camera, alerts.NewID(), 0, alerts.PhaseEnd)
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
		want[camera] = append(want[camera], a.MessageID())
	}
	entries := func() [3]int {
		o.mu.Lock()
		defer o.mu.Unlock()
		return [3]int{len(o.forwarders), len(o.lastStored), len(o.undelivered)}
	}
	settled := func(what string, counts [3]int) {
		t.Helper()
		alerttest.Eventually(alerttest.Within(t), t, what, func() bool { return entries() == counts })
	}
	for i := range names {
		publish(fmt.Sprintf("c%d", i))
	}
	settled("only the blocked one is left", [3]int{1, 1, 1})
	alerttest.Eventually(alerttest.Within(t), t, "no more goroutines", func() bool {
		return runtime.NumGoroutine() <= before+5
	})
	if s := o.Stats().Sinks; s[0].Waiting != 0 || s[1].Waiting != 1 || len(o.Backlog()["slow"]) != 1 {
		t.Errorf("waiting are %+v", s)
	}
	for _, camera := range []string{"c3", "c7"} {
		publish(camera)
	}
	settled("again only the blocked one", [3]int{1, 1, 1})
	blocked.Store(false)
	settled("nothing is left", [3]int{})

	// After a restart of the server the cursors are saved again.
	o.mu.Lock()
	clear(o.savedCursors)
	o.mu.Unlock()
	alerttest.Eventually(alerttest.Within(t), t, "all cursors", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.savedCursors) == 2*names+2
	})
	publish("c3")
	settled("after the cursors were saved again", [3]int{})
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, options)
	publish("c3")
	settled("after a restart", [3]int{})
	for camera, ids := range want {
		if got := recorder.ids(camera); !slices.Equal(got, ids) {
			t.Errorf("%s delivered to one sink %q, want %q", camera, got, ids)
		}
		if got := slow.ids(camera); !slices.Equal(got, ids) {
			t.Errorf("%s delivered to the other %q, want %q", camera, got, ids)
		}
	}

	// When the stream has none of its messages any more, the cursor is deleted, too.
	s, err := o.conn.JetStream().Stream(alerttest.Within(t), broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	keep := s.CachedInfo().State.LastSeq // that of c3
	if err := s.Purge(alerttest.Within(t), jetstream.WithPurgeSequence(keep)); err != nil {
		t.Fatal(err)
	}
	o.mu.Lock()
	o.trimmedBelow = keep
	o.mu.Unlock()
	alerttest.Eventually(alerttest.Within(t), t, "the cursors of c3 alone", func() bool {
		found, err := o.listCursors(alerttest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		return len(found) == 4 && found["recorder.c3"] == keep && found["slow.c3"] == keep
	})
	publish("c3")
	publish("c9")
	settled("after their cursors were deleted", [3]int{})
	for _, camera := range []string{"c3", "c9"} {
		if got := recorder.ids(camera); !slices.Equal(got, want[camera]) {
			t.Errorf("%s delivered %q, want %q", camera, got, want[camera])
		}
	}
}

// A message that is stored while its forwarder ends is delivered once.
func TestPublishWhileForwardersEnd(t *testing.T) {
	recorder := &recordingSink{name: "recorder"}
	o := open(t, Options{
		Server: broker.Options{SyncLazily: true}, Sinks: []sink.Sink{recorder}, IdleAfter: time.Nanosecond,
	})
	var ids []string
	for range 60 {
		ids = append(ids, wholeEvent(t, o, "gate")...)
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if got := recorder.ids("gate"); !slices.Equal(got, ids) {
		t.Errorf("delivered %d of %d: %q, want %q", len(got), len(ids), got, ids)
	}
}
