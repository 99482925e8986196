package mqtt

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// A message that the broker rejects cuts the shared connection once; then it is tried alone, and set aside.
func TestRefusedMessageUsesDedicatedConnection(t *testing.T) {
	port, log := natstest.FreePort(t), &alerttest.Log{}
	natstest.Mosquitto(t, port, "allow_anonymous true\nmax_packet_size 6000\n")
	url := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	w, err := New(Options{
		URL: url, Topic: "vigil", Cameras: []string{"big", "gate"},
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{Dir: filepath.Join(t.TempDir(), "store"), NoListen: true}, Sinks: []sink.Sink{w},
		Reserve:       1 << 20,
		SetAsideAfter: time.Nanosecond, LongestPause: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	if err := w.Check(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	l := listen(t, url, "vigil/#")
	big, small := event("big", alerts.NewID(), 0, alerts.PhaseStart), event("big", alerts.NewID(), 0, alerts.PhaseStart)
	for range 200 {
		big.Zones = append(big.Zones, strings.Repeat("z", 60))
	}
	for _, a := range []alerts.Alert{big, small, event("gate", alerts.NewID(), 0, alerts.PhaseStart)} {
		if err := o.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	l.untilIs(t, "vigil/big/attributes", "the next alert",
		func(text string) bool { return strings.Contains(text, small.ID) })
	l.until(t, "vigil/gate/state", "ON")
	all, err := outbox.ListAside(alerttest.Within(t), o.Conn().JetStream())
	if err != nil || len(all) != 1 || all[0].AlertID != big.ID {
		t.Errorf("set aside are %+v, %v", all, err)
	}
	if n := log.Count("no connection to MQTT"); n > 1 {
		t.Errorf("the connection of all was lost %d times", n)
	}
}
