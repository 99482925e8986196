package mqtt

import (
	"fmt"
	"sync"
	"testing"

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// Deliveries of many cameras race with the end of the connection: no work starts on a connection whose end waits for
// started work.
func TestDeliveriesWhileTheConnectionEnds(t *testing.T) {
	s := &server{port: natstest.FreePort(t)}
	natstest.Mosquitto(t, s.port, "allow_anonymous true")
	for range 20 {
		w := startSink(t, Options{
			URL: s.url(), User: writer, Password: writer, Topic: "vigil",
			Cameras: []string{"gate"},
		})
		c, err := w.current()
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				a := event(fmt.Sprintf("camera-%d", i), alerts.NewID(), 0, alerts.PhaseStart)
				for {
					if err := w.deliver(alerttest.Within(t), c,
						sink.Message{Camera: a.Camera, Subject: a.Subject()}); err != nil {
						return
					}
				}
			})
		}
		c.drop(errLost)
		all.Wait()
		_ = w.Close()
	}
}
