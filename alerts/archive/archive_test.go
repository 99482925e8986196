package archive

import (
	"errors"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// embedded connects to an embedded server.
func embedded(t *testing.T) *broker.Conn {
	t.Helper()
	server, err := broker.Start(alerttest.Within(t), broker.Options{Dir: t.TempDir(), NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return dial(t, broker.DialOptions{Server: server})
}

func dial(t *testing.T, o broker.DialOptions) *broker.Conn {
	t.Helper()
	conn, err := broker.Dial(alerttest.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// event is a message of an alert that began ago.
func event(id, camera string, phase alerts.Phase, ago time.Duration) alerts.Alert {
	at := time.Now().UTC().Truncate(time.Second)
	a := alerts.Alert{
		ID: id, Phase: phase, Kind: alerts.KindAnomaly, Camera: camera, Zones: []string{"gate"},
		Start: alerts.Moment{Wall: at.Add(-ago), StreamSeconds: 1, Frame: 25},
		Peak:  alerts.Moment{Wall: at, StreamSeconds: 1, Frame: 25},
		Measurement: &alerts.Measurement{
			Error: 0.05, Regularity: 0.31, PeakError: 0.0502, PeakRegularity: 0.22,
			Lo: 0.01, Threshold: 0.0386, Severity: 0.78,
		},
		DurationSeconds: 2, Model: alerts.Model{Name: "small", Hash: "ab"},
		Source: alerts.Source{Width: 640, Height: 480},
	}
	if phase == alerts.PhaseEnd {
		a.Seq, a.End, a.EndReason = 1, &a.Peak, alerts.EndCalm
	}
	return a
}

func publish(t *testing.T, conn *broker.Conn, all ...alerts.Alert) {
	t.Helper()
	for _, a := range all {
		if err := conn.Publish(alerttest.Within(t), a); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFollowSkipsForeignMessages(t *testing.T) {
	conn := embedded(t)
	if err := conn.EnsureStream(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.JetStream().Publish(alerttest.Within(t), "vigil.alerts.a.start", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	a := event(alerts.NewID(), "a", alerts.PhaseStart, 0)
	publish(t, conn, a)
	var foreign, got []string
	o := FollowOptions{
		All: true, Once: true,
		Invalid: func(subject string, _ error) { foreign = append(foreign, subject) },
	}
	each := func(m Message) error {
		got = append(got, m.Alert.ID)
		return nil
	}
	if err := New(conn).Follow(alerttest.Within(t), o, each); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(foreign, []string{"vigil.alerts.a.start"}) || !slices.Equal(got, []string{a.ID}) {
		t.Errorf("foreign messages on %q, alerts %q", foreign, got)
	}
	if err := New(conn).Follow(alerttest.Within(t), FollowOptions{Camera: "A.B"}, each); err == nil {
		t.Error("a camera that cannot be was followed")
	}
}

// An alert is found although the server cannot read others, and an unreadable one is reported as missing.
func TestUnreadableMessagesAreSkipped(t *testing.T) {
	dir := t.TempDir()
	ns := natstest.Plain(t, dir)
	var ids []string
	conn := dial(t, broker.DialOptions{URL: ns.ClientURL()})
	for i := range 8 {
		ids = append(ids, alerts.NewID())
		publish(t, conn, event(ids[i], []string{"yard", "gate"}[i%2], alerts.PhaseStart, 0))
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	natstest.Corrupt(t, dir, broker.Stream, ids[0], ids[4], ids[7])
	a := New(dial(t, broker.DialOptions{URL: natstest.Plain(t, dir).ClientURL()}))
	if found, err := a.Messages(alerttest.Within(t), ids[6]); err != nil || len(found) != 1 ||
		found[0].Alert.ID != ids[6] {
		t.Errorf("found is %v, %v", found, err)
	}
	if _, err := a.Messages(alerttest.Within(t), ids[4]); !errors.Is(err, ErrNoAlert) {
		t.Errorf("what cannot be read was found: %v", err)
	}
	if last, err := a.Resolve(alerttest.Within(t), Last, ""); err != nil || last != ids[6] {
		t.Errorf("the last alert is %s, %v, want %s", last, err, ids[6])
	}
}
