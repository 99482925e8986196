package evidence

import (
	"fmt"
	"log/slog"
	"testing"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/internal/alerttest"
)

// submitEvents submits the start and the end of many events at once.
func submitEvents(t *testing.T, m *Maker, events int) []string {
	t.Helper()
	r := newTestMedia(t, 18)
	var ids []string
	for range events {
		id := alerts.NewID()
		ids = append(ids, id)
		m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: r})
		if !m.Submit(thread.Request{Alert: event(id, alerts.PhaseEnd), Media: r}) {
			t.Fatal("an end promises nothing")
		}
	}
	return ids
}

// Finish waits for the clips of all events that ended at once, however slow the encoder is.
func TestFinishWaitsForTheLastClips(t *testing.T) {
	store, enc := &memoryStore{}, &countingEncoder{hold: make(chan struct{})}
	m := startMaker(t, Options{Store: store, Encoder: enc})
	ids := submitEvents(t, m, 5)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		m.Finish(alerttest.Within(t))
	}()
	for range ids {
		select {
		case <-finished:
			t.Fatalf("finished with %d pieces to be made", m.Busy())
		case enc.hold <- struct{}{}:
		}
	}
	<-finished
	for _, id := range ids {
		if name := fmt.Sprintf("%s/clip-%d.mp4", id, 125); store.objs[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if n := m.Busy(); n != 0 {
		t.Errorf("%d pieces are still to be made", n)
	}
}

// What Close abandons is reported for each event.
func TestAbandonedEvidenceIsReported(t *testing.T) {
	var log alerttest.Log
	enc := &countingEncoder{hold: make(chan struct{})}
	m := NewMaker(Options{
		Store: &memoryStore{}, Encoder: enc, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Before: 5e9,
		After:  3e9, MaxLength: 20e9,
	})
	ids := submitEvents(t, m, 3)
	for over := 0; over < len(ids); { // all of them wait for the encoder
		if f := nextResult(t, m); len(f.Pending) > 0 {
			over++
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if n := log.Count(id); n != 1 {
			t.Errorf("alert %s is named %d times, want once:\n%s", id, n, log.String())
		}
	}
}
