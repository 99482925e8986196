package mqtt

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// message is an alert as the outbox delivers it.
func message(t *testing.T, camera string, phase alerts.Phase) sink.Message {
	t.Helper()
	a := event(camera, alerts.NewID(), 0, phase)
	data, err := alerts.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	return sink.Message{Seq: 1, Camera: camera, Subject: a.Subject(), ID: a.MessageID(), Data: data}
}

// switchTopics are the topics that topicsOf lacks with commands.
func switchTopics(id, topic, discovery string, cameras ...string) (all []string) {
	for _, c := range cameras {
		all = append(all, topic+"/"+c+"/enabled", topic+"/"+c+"/snooze",
			discovery+"/switch/"+id+"_"+c+"/enabled/config", discovery+"/number/"+id+"_"+c+"/snooze/config")
	}
	return all
}

// Cameras that are configured while a sink runs have all their topics and are switched over the same connection; those
// that are removed leave nothing behind, whatever is delivered of them afterwards.
func TestSetCameras(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		done := &switched{}
		done.mu.Lock()
		w := startSink(t, Options{
			URL: s.url(), User: writer, Password: writer, Topic: "vigil", Discovery: "homeassistant",
			Cameras: []string{"yard"}, OnSwitch: done.set,
		})
		done.sink = w
		done.mu.Unlock()
		first, _ := w.current()
		l := listen(t, s.url(), "#")
		holds := func(what string, cameras ...string) {
			t.Helper()
			want := slices.Sorted(
				slices.Values(slices.Concat(topicsOf(w.clientID, "vigil", "homeassistant", cameras...),
					switchTopics(w.clientID, "vigil", "homeassistant", cameras...))))
			var got []string
			alerttest.Eventually(alerttest.Within(t), t, what, func() bool {
				got = slices.Sorted(maps.Keys(retainedAt(t, s.url())))
				return slices.Equal(got, want)
			})
		}
		set := func(cameras ...string) {
			w.SetCameras(cameras)
			for _, c := range cameras {
				w.Status(alerts.Status{Camera: c, State: alerts.StateLive})
				w.Switches(alerts.Switches{Camera: c})
			}
		}
		deliver := func(camera string, phase alerts.Phase) {
			t.Helper()
			if err := w.Deliver(alerttest.Within(t), message(t, camera, phase)); err != nil {
				t.Fatal(err)
			}
		}
		deliver("gate", alerts.PhaseStart) // of an earlier configuration
		set("yard", "gate")
		holds("a camera is added", "yard", "gate")
		l.until(t, "vigil/gate/state", "OFF")
		l.until(t, "vigil/gate/availability", Online)
		l.until(t, "vigil/gate/enabled", "ON")
		deliver("gate", alerts.PhaseStart)
		l.until(t, "vigil/gate/state", "ON")
		if err := wait(alerttest.Within(t), l.client.Publish("vigil/gate/snooze/set", 1, false, "20"), nil,
			alerttest.LongWait); err != nil {
			t.Fatal(err)
		}
		l.until(t, "vigil/gate/snooze", "20")

		set("barn", "yard")
		deliver("gate", alerts.PhaseEnd)
		w.Status(alerts.Status{Camera: "gate", State: alerts.StateLive})
		holds("one is removed and another is added", "yard", "barn")
		set("barn", "yard", "gate")
		l.until(t, "vigil/gate/state", "OFF")
		l.until(t, "vigil/gate/snooze", "OFF")
		holds("it comes back", "yard", "barn", "gate")
		set()
		holds("all are removed")
		if c, err := w.current(); c != first || err != nil {
			t.Errorf("there was another connection: %v", err)
		}
		if w.mu.Lock(); len(w.health)+len(w.switches)+len(w.retainedStates)+len(w.commands.budgets) != 0 {
			t.Errorf("kept of removed cameras: %v, %v, %v, %v", w.health, w.switches, w.retainedStates,
				w.commands.budgets)
		}
		w.mu.Unlock()
	})
}

// A sink that does not know all cameras yet deletes nothing of the others, so that a restart does not make Home
// Assistant forget them.
func TestIncompleteCameras(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		dir := t.TempDir()
		o := Options{
			URL: s.url(), User: writer, Password: writer, Topic: "vigil", Discovery: "homeassistant",
			Cameras: []string{"yard", "gate"}, Registry: registry(t, dir),
		}
		w := startSink(t, o)
		id := w.clientID
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		o.Cameras, o.Incomplete, o.Registry = []string{"yard"}, true, registry(t, dir)
		w = startSink(t, o)
		holds := func(what string, cameras ...string) {
			t.Helper()
			want := slices.Sorted(slices.Values(topicsOf(id, "vigil", "homeassistant", cameras...)))
			alerttest.Eventually(alerttest.Within(t), t, what, func() bool {
				return slices.Equal(slices.Sorted(maps.Keys(retainedAt(t, s.url()))), want)
			})
		}
		holds("one camera is known", "gate", "yard")
		w.SetCameras([]string{"yard"})
		holds("all cameras are known", "yard")
	})
}

// While cameras come and go, what is delivered of them leaves no topic behind.
func TestSetCamerasDuringDeliveries(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Mosquitto(t, port, "allow_anonymous true")
	url := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	w := startSink(t, Options{URL: url, Topic: "vigil", Cameras: []string{"yard"}})
	ctx, stop := context.WithCancel(t.Context())
	delivered := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			for _, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
				if err := w.Deliver(t.Context(), message(t, "gate", phase)); err != nil {
					t.Error(err)
				}
			}
		}
		delivered <- n
	}()
	l := listen(t, url, "#")
	for range 20 {
		w.SetCameras([]string{"yard", "gate"})
		l.untilIs(t, "vigil/gate/availability", "the camera", func(s string) bool { return s != "" })
		w.SetCameras([]string{"yard"})
		l.until(t, "vigil/gate/availability", "")
	}
	w.SetCameras([]string{"yard", "gate"})
	stop()
	n := <-delivered
	if err := w.Deliver(t.Context(), message(t, "gate", alerts.PhaseEnd)); err != nil {
		t.Error(err)
	}
	alerttest.Eventually(alerttest.Within(t), t, "the last state", func() bool {
		found := retainedAt(t, url)
		return found["vigil/gate/state"] == "OFF" && strings.Contains(found["vigil/gate/attributes"], "end_reason")
	})
	w.SetCameras([]string{"yard"})
	onlyYard := func() bool {
		got := slices.Sorted(maps.Keys(retainedAt(t, url)))
		return slices.Equal(got, topicsOf("", "vigil", "", "yard"))
	}
	alerttest.Eventually(alerttest.Within(t), t, "only yard's topics", onlyYard)
	// The end of a delivery that began before the camera was removed.
	c, err := w.current()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.publishState(t.Context(), c, "gate", retainedState{"ON", "{}"}); err != nil {
		t.Fatal(err)
	}
	if onlyYard() {
		t.Error("the state of the removed camera was not published")
	}
	w.withdrawIfRemoved("gate")
	alerttest.Eventually(alerttest.Within(t), t, "only yard's topics again", onlyYard)
	t.Logf("%d events delivered", n)
}
