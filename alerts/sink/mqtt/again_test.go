package mqtt

import (
	"testing"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// A start that is redelivered on request after its event has ended does not turn the camera's state on.
func TestRetryChangesNoState(t *testing.T) {
	s := &server{port: natstest.FreePort(t)}
	natstest.Mosquitto(t, s.port, "allow_anonymous true")
	l := listen(t, s.url(), "vigil/#")
	w := startSink(t, Options{URL: s.url(), User: writer, Password: writer, Topic: "vigil", Cameras: []string{"gate"}})
	id := alerts.NewID()
	for seq, phase := range []alerts.Phase{alerts.PhaseEnd, alerts.PhaseStart, alerts.PhaseUpdate} {
		a := event("gate", id, seq, phase)
		data, err := alerts.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Deliver(alerttest.Within(t), sink.Message{
			Camera: "gate", Subject: a.Subject(), ID: a.MessageID(),
			Data: data, Again: phase != alerts.PhaseEnd,
		}); err != nil {
			t.Fatal(err)
		}
	}
	l.untilIs(t, "vigil/events/gate/update", "the update", func(got string) bool { return got != "" })
	if got := retainedAt(t, s.url())["vigil/gate/state"]; got != "OFF" {
		t.Errorf("the camera is %q, must be OFF", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := w.retainedStates["gate"].state; got != "OFF" {
		t.Errorf("after a reconnect it would be %q, must be OFF", got)
	}
}
