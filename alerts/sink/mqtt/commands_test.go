package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/internal/alerttest"
)

// switched records the commands of a sink and sets its states, as the program does.
type switched struct {
	mu   sync.Mutex
	all  []string
	sink *Sink
	is   alerts.Switches
}

func (s *switched) set(_ context.Context, camera string, c alerts.SwitchChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, camera+" "+string(c.Action))
	after, err := alerts.Switches{
		Camera: camera, Paused: s.is.Paused, SnoozedUntil: s.is.SnoozedUntil,
	}.With(c, "mqtt", time.Now())
	if err != nil {
		return err
	}
	s.is = after
	s.sink.Switches(after)
	return nil
}

func (s *switched) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// A camera is switched over each broker, its states say so, and what is not valid changes nothing.
func TestCommands(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		l := listen(t, s.url(), "#")
		publish := func(topic, text string, retained bool) {
			t.Helper()
			if err := wait(alerttest.Within(t), l.client.Publish(topic, 1, retained, text), nil,
				alerttest.LongWait); err != nil {
				t.Fatal(err)
			}
		}
		publish("vigil/yard/enabled/set", "OFF", true) // from before the start
		l.until(t, "vigil/yard/enabled/set", "OFF")
		var log alerttest.Log
		done := &switched{}
		o := Options{
			URL: s.url(), User: writer, Password: writer, OnSwitch: done.set, Topic: "vigil",
			Discovery: "homeassistant", Cameras: []string{"yard"}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		done.mu.Lock()
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		done.sink = w
		done.mu.Unlock()
		l.until(t, "vigil/availability", Online)
		l.mu.Lock()
		if got := l.last["vigil/yard/enabled"]; got != "" {
			t.Errorf("before it is known whether the camera is paused, it is %q", got)
		}
		l.mu.Unlock()
		w.Switches(alerts.Switches{Camera: "yard"})
		l.until(t, "vigil/yard/enabled", "ON")
		l.until(t, "vigil/yard/snooze", "OFF")

		publish("vigil/yard/enabled/set", "OFF", false)
		l.until(t, "vigil/yard/enabled", "OFF")
		publish("vigil/barn/enabled/set", "OFF", false)
		publish("vigil/yard/enabled/set", "on", false)
		publish("vigil/yard/snooze/set", "999999999", false)
		publish("vigil/yard/snooze/set", strings.Repeat("9", 100_000), false)
		publish("vigil/yard/snooze/set", "30.0", false)
		l.until(t, "vigil/yard/snooze", "30")
		publish("vigil/yard/enabled/set", "ON", false)
		l.until(t, "vigil/yard/enabled", "ON")
		publish("vigil/yard/snooze/set", "0", false)
		l.until(t, "vigil/yard/snooze", "OFF")
		want := []string{"yard pause", "yard snooze", "yard resume", "yard snooze_off"}
		if got := done.list(); !slices.Equal(got, want) {
			t.Errorf("commands %q, want %q", got, want)
		}
		if text := log.String(); !strings.Contains(text, "it is retained") ||
			!strings.Contains(text, "code=sink.command") || strings.Contains(text, "9999") {
			t.Errorf("the log is\n%s", text)
		}

		for _, entity := range []string{"switch/%s/enabled/config", "number/%s/snooze/config"} {
			topic := "homeassistant/" + fmt.Sprintf(entity, w.clientID+"_yard")
			l.untilIs(t, topic, "an announcement", func(got string) bool {
				var a map[string]any
				return json.Unmarshal([]byte(got), &a) == nil &&
					a["command_topic"] == a["state_topic"].(string)+"/set" &&
					strings.HasPrefix(a["state_topic"].(string), "vigil/yard/") &&
					len(a["availability"].([]any)) == 1
			})
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The announcements and states of switches are deleted when there are no commands any more.
func TestSwitchTopicsAreWithdrawn(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		registry := NewRegistry("")
		o := Options{
			URL: s.url(), User: writer, Password: writer, Registry: registry, Topic: "vigil",
			Discovery: "homeassistant", Cameras: []string{"yard"},
			OnSwitch: func(context.Context, string, alerts.SwitchChange) error { return nil },
		}
		l := listen(t, s.url(), "#")
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		w.Switches(alerts.Switches{Camera: "yard", Paused: true})
		l.until(t, "vigil/yard/enabled", "OFF")
		_ = w.Close()
		l.until(t, "vigil/availability", Offline)
		// What is retained stays until the switches are known again.
		if w, err = New(o); err != nil {
			t.Fatal(err)
		}
		l.until(t, "vigil/availability", Online)
		l.mu.Lock()
		if got := l.last["vigil/yard/enabled"]; got != "OFF" {
			t.Errorf("after a restart the paused camera is %q", got)
		}
		l.mu.Unlock()
		w.Switches(alerts.Switches{Camera: "yard"})
		l.until(t, "vigil/yard/enabled", "ON")
		_ = w.Close()
		l.until(t, "vigil/availability", Offline)
		o.OnSwitch = nil
		if w, err = New(o); err != nil {
			t.Fatal(err)
		}
		l.until(t, "vigil/availability", Online)
		l.until(t, "vigil/yard/enabled", "")
		l.until(t, "vigil/yard/snooze", "")
		l.until(t, "homeassistant/switch/"+w.clientID+"_yard/enabled/config", "")
		_ = w.Close()
	})
}

// unconnected returns a sink that does not connect.
func unconnected(topic string, cameras ...string) *Sink {
	w := &Sink{
		opts: Options{Topic: topic}, retainedStates: map[string]retainedState{}, camerasChanged: make(chan struct{}, 1),
	}
	w.SetCameras(cameras)
	return w
}

func TestParseCommand(t *testing.T) {
	c := newCommands(unconnected("site/vigil", "yard"))
	for _, tt := range []struct {
		topic, payload string
		retained       bool
		action         alerts.SwitchAction
		err            string
	}{
		{"site/vigil/yard/enabled/set", "ON", false, alerts.ActionResume, ""},
		{"site/vigil/yard/enabled/set", "OFF", false, alerts.ActionPause, ""},
		{"site/vigil/yard/enabled/set", "off", false, "", "ON or OFF"},
		{"site/vigil/yard/enabled/set", "", false, "", "ON or OFF"},
		{"site/vigil/yard/enabled/set", "OFF", true, "", "retained"},
		{"site/vigil/barn/enabled/set", "OFF", false, "", "no camera"},
		{"site/vigil/yard/other/set", "x", false, "", "not the topic"},
		{"vigil/yard/enabled/set", "OFF", false, "", "not the topic"},
		{"site/vigil/yard/snooze/set", "OFF", false, alerts.ActionSnoozeOff, ""},
		{"site/vigil/yard/snooze/set", "0", false, alerts.ActionSnoozeOff, ""},
		{"site/vigil/yard/snooze/set", "15", false, alerts.ActionSnooze, ""},
		{"site/vigil/yard/snooze/set", "15.00", false, alerts.ActionSnooze, ""},
		{"site/vigil/yard/snooze/set", "10080", false, alerts.ActionSnooze, ""},
		{"site/vigil/yard/snooze/set", "10081", false, "", "whole minutes"},
		{"site/vigil/yard/snooze/set", "65551", false, "", "whole minutes"},
		{"site/vigil/yard/snooze/set", "-1", false, "", "whole minutes"},
		{"site/vigil/yard/snooze/set", "1.5", false, "", "whole minutes"},
		{"site/vigil/yard/snooze/set", "12345678901234567", false, "", "bytes"},
	} {
		got, err := c.parse(tt.topic, []byte(tt.payload), tt.retained)
		switch {
		case tt.err == "" && (err != nil || got.change.Action != tt.action || got.camera != "yard"):
			t.Errorf("%s %q is %+v, %v; want %s", tt.topic, tt.payload, got, err, tt.action)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s %q: %v, want an error with %q", tt.topic, tt.payload, err, tt.err)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	c := newCommands(unconnected("vigil", "yard"))
	f.Add("vigil/yard/snooze/set", []byte("30"))
	f.Add("vigil/yard/enabled/set", []byte("OFF"))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		got, err := c.parse(topic, payload, false)
		if err != nil {
			return
		}
		if _, err := (alerts.Switches{Camera: got.camera}).With(got.change, "mqtt", time.Now()); err != nil {
			t.Errorf("%s %q is accepted as %+v: %v", topic, payload, got, err)
		}
	})
}

// A flood of commands reaches nobody, and does not fill the log.
func TestCommandFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log alerttest.Log
		var calls atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		w := unconnected("vigil", "yard", "gate")
		w.ctx, w.log = ctx, slog.New(slog.NewTextHandler(&log, nil))
		w.opts.OnSwitch = func(context.Context, string, alerts.SwitchChange) error {
			calls.Add(1)
			return errors.New("no")
		}
		c := newCommands(w)
		done := make(chan struct{})
		go func() { defer close(done); c.run() }()
		for range 60_000 { // in a minute
			c.receive("vigil/yard/enabled/set", []byte("OFF"), false)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		before := calls.Load()
		c.receive("vigil/gate/enabled/set", []byte("OFF"), false)
		synctest.Wait()
		if before < 35 || before > 45 || calls.Load() != before+1 {
			t.Errorf("%d commands were executed, and %d of the other camera", before, calls.Load()-before)
		}
		if n := int64(60_001) - calls.Load(); (&Sink{commands: c}).CommandsIgnored() != uint64(n) {
			t.Errorf("%d of %d commands are counted as ignored", c.total.Load(), n)
		}
		if n := log.Count("is ignored"); n < 5 || n > 7 {
			t.Errorf("%d lines of ignored commands", n)
		}
		stop()
		<-done
	})
}
