package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

func open(t testing.TB, o Options) *Outbox {
	t.Helper()
	if o.Server.Dir == "" {
		o.Server.Dir = filepath.Join(t.TempDir(), "store")
	}
	o.Server.NoListen = true
	if o.Reserve == 0 {
		o.Reserve = 1 << 20
	}
	if o.LongestPause == 0 {
		o.LongestPause = 200 * time.Millisecond
	}
	b, err := Open(alerttest.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// wholeEvent publishes a start, an update and an end.
func wholeEvent(t testing.TB, o *Outbox, camera string) []string {
	t.Helper()
	id := alerts.NewID()
	var ids []string
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
		a := alerttest.Event(camera, id, seq, phase)
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.MessageID())
	}
	return ids
}

// recordingSink is a sink that stores what it receives, and refuses what a test configures.
type recordingSink struct {
	name   string
	refuse func(m sink.Message) error

	mu  sync.Mutex
	got []sink.Message
}

func (s *recordingSink) Name() string { return s.name }

func (s *recordingSink) Deliver(_ context.Context, m sink.Message) error {
	if s.refuse != nil {
		if err := s.refuse(m); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
	return nil
}

func (s *recordingSink) ids(camera string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, m := range s.got {
		if m.Camera == camera {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (s *recordingSink) decoded(t *testing.T) []alerts.Alert {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []alerts.Alert
	for _, m := range s.got {
		a, err := alerts.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEverySinkGetsAllInOrder(t *testing.T) {
	a, b := &recordingSink{name: "a"}, &recordingSink{name: "b"}
	o := open(t, Options{Sinks: []sink.Sink{a, b}})
	want := map[string][]string{}
	for range 5 {
		for _, camera := range []string{"gate", "yard"} {
			want[camera] = append(want[camera], wholeEvent(t, o, camera)...)
		}
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	for camera, ids := range want {
		equal(t, a.ids(camera), ids)
		equal(t, b.ids(camera), ids)
	}
}

func TestRefusedCameraDelaysNoOther(t *testing.T) {
	var mu sync.Mutex
	closed := true
	s := &recordingSink{name: "a", refuse: func(m sink.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if closed && m.Camera == "cellar" {
			return errors.New("not allowed")
		}
		return nil
	}}
	o := open(t, Options{Sinks: []sink.Sink{s}})
	cellar := wholeEvent(t, o, "cellar")
	yard := wholeEvent(t, o, "yard")
	alerttest.Eventually(alerttest.Within(t), t, "the yard is delivered", func() bool {
		return len(s.ids("yard")) >= len(yard)
	})
	equal(t, s.ids("cellar"), nil)
	if w := o.Backlog(); fmt.Sprint(w) != "map[a:[cellar]]" {
		t.Errorf("waiting: %v", w)
	}
	mu.Lock()
	closed = false
	mu.Unlock()
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("cellar"), cellar)
}

func TestUnavailableSinkDelaysNoOther(t *testing.T) {
	down := &recordingSink{name: "down", refuse: func(sink.Message) error { return errors.New("down") }}
	up := &recordingSink{name: "up"}
	o := open(t, Options{Sinks: []sink.Sink{down, up}})
	ids := wholeEvent(t, o, "yard")
	alerttest.Eventually(alerttest.Within(t), t, "the yard is delivered", func() bool {
		return len(up.ids("yard")) >= len(ids)
	})
	if w := o.Backlog(); fmt.Sprint(w) != "map[down:[yard]]" {
		t.Errorf("waiting: %v", w)
	}
}

// The next run delivers what a run could not, and does not repeat what it delivered.
func TestNextRunContinues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	first := &recordingSink{name: "a"}
	o := open(t, Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{first}})
	early := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	// A run in which the sink is blocked, and one in which it is open.
	o = open(t, Options{
		Server: broker.Options{Dir: dir},
		Sinks:  []sink.Sink{&recordingSink{name: "a", refuse: func(sink.Message) error { return errors.New("down") }}},
	})
	late := append(wholeEvent(t, o, "yard"), wholeEvent(t, o, "gate")...)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	third := &recordingSink{name: "a"}
	o = open(t, Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{third}})
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, first.ids("yard"), early)
	equal(t, third.ids("yard"), late[:3])
	equal(t, third.ids("gate"), late[3:])
}

// A sink that is configured later does not receive earlier messages, nor does one that was removed and comes back.
func TestNewSinkStartsWithNextAlert(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o := open(t, Options{Server: broker.Options{Dir: dir}})
	wholeEvent(t, o, "yard")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	s := &recordingSink{name: "late"}
	o = open(t, Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{s}})
	want := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("yard"), want)
}

func TestOpenEventOfKilledProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o := open(t, Options{Server: broker.Options{Dir: dir}})
	wholeEvent(t, o, "yard")
	openEvent := alerttest.Event("yard", alerts.NewID(), 0, alerts.PhaseStart)
	rise := alerttest.Event("yard", openEvent.ID, 1, alerts.PhaseUpdate)
	rise.Peak.StreamSeconds, rise.Peak.Frame, rise.DurationSeconds = 3, 75, 2.5
	for _, a := range []alerts.Alert{openEvent, rise, alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)} {
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	s := &recordingSink{name: "a"}
	o = open(t, Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{s}})
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	ends := s.decoded(t)
	if len(ends) != 2 {
		t.Fatalf("%d messages, want the ends of two events: %v", len(ends), ends)
	}
	for _, a := range ends {
		if a.Phase != alerts.PhaseEnd || a.EndReason != alerts.EndCrashRecovered {
			t.Errorf("%s is a %s for %s", a.MessageID(), a.Phase, a.EndReason)
		}
		if a.Camera == "yard" && (a.Seq != 2 || a.ID != openEvent.ID || a.End.StreamSeconds != 3.5 ||
			a.End.Frame != 75 || a.DurationSeconds != 2.5) {
			t.Errorf("end %+v", a)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	again := &recordingSink{name: "b"}
	if o = open(t, Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{again}}); len(again.ids("yard")) != 0 ||
		len(o.openEvents) != 0 {
		t.Errorf("ended twice: %v, %v", again.ids("yard"), o.openEvents)
	}
}

// onErrorLog calls a function when an error is logged.
type onErrorLog struct {
	slog.Handler
	call func()
}

func (h *onErrorLog) Enabled(context.Context, slog.Level) bool { return true }

func (h *onErrorLog) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "ALARM") && h.call != nil {
		h.call()
	}
	return nil
}

// When the stream is full the oldest messages are deleted that every sink has; undelivered ones stay, and then the next
// alert waits.
func TestFullOutboxKeepsUndelivered(t *testing.T) {
	var mu sync.Mutex
	closed := true
	s := &recordingSink{name: "a", refuse: func(sink.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			return errors.New("down")
		}
		return nil
	}}
	alarm := &onErrorLog{Handler: slog.DiscardHandler}
	o := open(t, Options{Sinks: []sink.Sink{s}, Bytes: 100 << 10, Log: slog.New(alarm)})
	ctx, cancel := context.WithCancel(alerttest.Within(t))
	alarm.call = cancel
	var want []string
	for full := false; !full; {
		id := alerts.NewID()
		for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
			a := alerttest.Event("yard", id, seq, phase)
			if err := o.Publish(ctx, a); errors.Is(err, context.Canceled) {
				full = true
				break
			} else if err != nil {
				t.Fatal(err)
			}
			want = append(want, a.MessageID())
		}
	}
	mu.Lock()
	closed = false
	mu.Unlock()
	more := wholeEvent(t, o, "yard")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, s.ids("yard"), append(want, more...))
}
