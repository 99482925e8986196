package mqtt

import (
	"context"
	"syscall"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// A broker that stops reading does not block callers of Status, and receives the latest state of each camera when it
// continues.
func TestStalledBroker(t *testing.T) {
	port := natstest.FreePort(t)
	p := natstest.Mosquitto(t, port, "allow_anonymous true")
	s := &server{port: port}
	w, err := New(Options{
		URL: s.url(), User: writer, Password: writer, Topic: "vigil",
		Cameras: []string{"gate", "yard"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l := listen(t, s.url(), "vigil/#")
	w.Status(alerts.Status{Camera: "yard", State: alerts.StateLive})
	l.until(t, "vigil/yard/availability", Online)
	p.Signal(t, syscall.SIGSTOP)
	// More than the system buffers for a peer that does not read.
	ctx, cancel := context.WithCancel(alerttest.Within(t))
	blocked := make(chan error, 1)
	go func() {
		blocked <- w.Deliver(ctx, sink.Message{
			Subject: "vigil.alerts.yard.start", Camera: "yard",
			Data: make([]byte, 64<<20),
		})
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			state := alerts.StateLive
			if i%2 == 0 {
				state = alerts.StateFailing
			}
			w.Status(alerts.Status{Camera: "yard", State: state})
			w.Status(alerts.Status{Camera: "gate", State: state})
		}
		w.Status(alerts.Status{Camera: "yard", State: alerts.StateFrozen})
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("a state waits for the broker")
	}
	select {
	case err := <-blocked:
		t.Errorf("delivered to a broker that stands still: %v", err)
	default:
	}
	cancel()
	if err := <-blocked; err == nil {
		t.Error("delivered to a broker that stands still")
	}
	p.Signal(t, syscall.SIGCONT)
	l.until(t, "vigil/gate/availability", Online)
	l.until(t, "vigil/yard/availability", Offline)
}
