package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/alerttest"
	"vigil/internal/errcode"
)

// memory is a store of switches in memory.
type memory struct {
	mu   sync.Mutex
	all  []alerts.Switches
	fail error
}

func (m *memory) Put(_ context.Context, s alerts.Switches) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.all = append(m.all, s)
	}
	return m.fail
}

func (m *memory) History(context.Context, string) ([]alerts.Switches, error) { return m.all, nil }

// board returns a switchboard that runs in the test's bubble, and a function that returns the changes so far.
func board(t *testing.T, store *memory, stored ...alerts.Switches) (b *switchboard, log *alerttest.Log,
	changes func() string,
) {
	t.Helper()
	log = &alerttest.Log{}
	all := map[string]alerts.Switches{}
	for _, s := range stored {
		all[s.Camera] = s
	}
	b = newSwitchboard(store, all, slog.New(slog.NewTextHandler(log, nil)))
	b.configured = func(name string) bool { return name == "gate" }
	var got []string
	b.onChange = func(before, now alerts.Switches) {
		text := now.Camera
		if before.Paused != now.Paused {
			text += map[bool]string{true: " paused", false: " resumed"}[now.Paused]
		}
		if snoozed := now.SnoozedUntil != nil; snoozed != (before.SnoozedUntil != nil) {
			text += map[bool]string{true: " snoozed", false: " awake"}[snoozed]
		}
		if before.DetectionOff != now.DetectionOff {
			text += map[bool]string{true: " off", false: " on"}[now.DetectionOff]
		}
		got = append(got, text)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return b, log, func() string {
		synctest.Wait()
		b.changing.Lock()
		defer b.changing.Unlock()
		text := strings.Join(got, ", ")
		got = nil
		return text
	}
}

func mustChange(t *testing.T, b *switchboard, action alerts.SwitchAction, length time.Duration) {
	t.Helper()
	c := alerts.SwitchChange{Action: action}
	if length > 0 {
		c.Until = time.Now().Add(length)
	}
	if err := b.change(t.Context(), "gate", c, "cli"); err != nil {
		t.Fatal(err)
	}
}

// Switches end by themselves, each at its own time, and are stored only when somebody changes them.
func TestSwitchesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b, log, changes := board(t, store)
		suspended := func() alerts.State { return b.of("gate").suspended.Load().at(time.Now()).State }
		mustChange(t, b, alerts.ActionPause, 2*time.Hour)
		mustChange(t, b, alerts.ActionSnooze, time.Hour)
		if got := changes(); got != "gate paused, gate snoozed" || suspended() != alerts.StateSnoozed {
			t.Errorf("changes %q, %s", got, suspended())
		}
		time.Sleep(time.Hour - time.Second)
		if got := changes(); got != "" || suspended() != alerts.StateSnoozed {
			t.Errorf("before the end of the snooze: %q, %s", got, suspended())
		}
		time.Sleep(2 * time.Second)
		if got := changes(); got != "gate awake" || suspended() != "" || !b.paused("gate") {
			t.Errorf("after the end of the snooze: %q, %s", got, suspended())
		}
		mustChange(t, b, alerts.ActionDetectionOff, 0)
		time.Sleep(time.Hour)
		if got := changes(); got != "gate off, gate resumed" || b.paused("gate") ||
			suspended() != alerts.StateDetectionOff {
			t.Errorf("after the end of the pause: %q, %s", got, suspended())
		}
		mustChange(t, b, alerts.ActionDetectionOn, 0)
		mustChange(t, b, alerts.ActionDetectionOn, 0) // changes nothing
		if got := changes(); got != "gate on" || suspended() != "" || len(store.all) != 4 {
			t.Errorf("at the end: %q, %s, %d stored", got, suspended(), len(store.all))
		}
		if n := log.Count("camera switched"); n != 4 {
			t.Errorf("%d changes are in the log", n)
		}
		if n := log.Count("has ended by itself"); n != 2 {
			t.Errorf("%d ends are in the log", n)
		}
	})
}

// A change right after the end of a pause does not swallow that the camera is to be opened.
func TestChangeAtTheEndOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSwitchboard(&memory{}, nil, slog.New(slog.DiscardHandler))
		resumed := 0
		b.onChange = func(before, now alerts.Switches) {
			if before.Paused && !now.Paused {
				resumed++
			}
		}
		mustChange(t, b, alerts.ActionPause, time.Minute)
		time.Sleep(time.Minute) // nobody runs the board
		mustChange(t, b, alerts.ActionDetectionOff, 0)
		b.endDue(t.Context(), time.Now())
		if resumed != 1 {
			t.Errorf("resumed %d times", resumed)
		}
	})
}

// What is stored counts after a start unless it has ended; so does that of a camera that is not configured.
func TestStoredSwitches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		past, later := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
		b, log, changes := board(t, &memory{},
			alerts.Switches{Camera: "gate", SnoozedUntil: &past, Paused: true, By: "cli"},
			alerts.Switches{Camera: "old", SnoozedUntil: &later, By: "mqtt"},
			alerts.Switches{Camera: "done", Paused: true, PausedUntil: &past, By: "cli"})
		b.logStored()
		if all := b.all(); len(all) != 2 || !all[0].Paused || all[0].SnoozedUntil != nil || all[1].Camera != "old" {
			t.Errorf("%+v", all)
		}
		if text := log.String(); !strings.Contains(text, "camera=old configured=false") ||
			!strings.Contains(text, "camera=gate configured=true") {
			t.Errorf("the log is\n%s", text)
		}
		if err := b.change(t.Context(), "old", alerts.SwitchChange{Action: alerts.ActionSnoozeOff}, "cli"); err != nil {
			t.Error(err)
		}
		if got := changes(); got != "old awake" {
			t.Errorf("changes %q", got)
		}
		for _, name := range []string{"old", "barn", "", "a.b", "*"} {
			err := b.change(t.Context(), name, alerts.SwitchChange{Action: alerts.ActionPause}, "cli")
			if !errors.Is(err, api.ErrNoCamera) {
				t.Errorf("camera %q: %v", name, err)
			}
		}
	})
}

// A change that cannot be stored does not count.
func TestChangeIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{fail: errors.New("disk full")}
		b, log, changes := board(t, store)
		pause := alerts.SwitchChange{Action: alerts.ActionPause}
		if err := b.change(t.Context(), "gate", pause, "mqtt"); errcode.Of(err) != errcode.StoreSwitches {
			t.Errorf("%v", err)
		}
		if got := changes(); got != "" || b.paused("gate") || log.Count("does not count") != 1 {
			t.Errorf("changes %q, log\n%s", got, log)
		}
		if err := b.change(t.Context(), "gate", alerts.SwitchChange{Action: "x"}, "mqtt"); !errors.As(err,
			new(api.Invalid)) {
			t.Errorf("an unknown action: %v", err)
		}
		b.store = nil
		if err := b.change(t.Context(), "gate", pause, "cli"); !errors.Is(err, errNoSwitches) {
			t.Errorf("without a store: %v", err)
		}
	})
}
