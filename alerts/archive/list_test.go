package archive

import (
	"errors"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/store"
	"vigil/internal/alerttest"
)

func TestListAndResolve(t *testing.T) {
	conn := embedded(t)
	const first, second, third = "01KB7Z0000AAAAAAAAAAAAAAAA", "01KB7Z0001BBBBBBBBBBBBBBBB",
		"01KB7Z0001BBCCCCCCCCCCCCCC"
	publish(t, conn,
		event(third, "yard", alerts.PhaseStart, time.Hour), event(first, "yard", alerts.PhaseStart, 3*time.Hour),
		event(second, "gate", alerts.PhaseStart, 2*time.Hour), event(first, "yard", alerts.PhaseEnd, 3*time.Hour))
	a := New(conn)
	r, err := a.Show(alerttest.Within(t), first, "")
	if err != nil || len(r.Messages) != 2 || r.Ack != nil || r.Last.Phase != alerts.PhaseEnd {
		t.Fatalf("shown is %+v, %v", r, err)
	}
	if _, err := a.Acknowledge(alerttest.Within(t), r, "Ann", true); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o     ListOptions
		want  []string
		total int
	}{
		"all":           {ListOptions{Acks: true}, []string{first, second, third}, 3},
		"the newest":    {ListOptions{Limit: 2}, []string{second, third}, 3},
		"a camera":      {ListOptions{Camera: "gate"}, []string{second}, 1},
		"since":         {ListOptions{Since: time.Now().Add(-time.Hour)}, []string{first, second, third}, 3},
		"since the end": {ListOptions{Since: time.Now().Add(time.Hour)}, nil, 0},
	} {
		all, total, err := a.List(alerttest.Within(t), c.o)
		var got []string
		for _, e := range all {
			got = append(got, e.Alert.ID)
			if hasAck := e.Ack != nil; hasAck != (c.o.Acks && e.Alert.ID == first) {
				t.Errorf("%s: acknowledgement of %s: %+v", name, e.Alert.ID, e.Ack)
			}
		}
		if err != nil || total != c.total || !slices.Equal(got, c.want) {
			t.Errorf("%s: %d of %q, %v, want %d of %q", name, total, got, err, c.total, c.want)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := a.Resolve(alerttest.Within(t), ShortID(second), ""); !errors.As(err, new(*InvalidError)) ||
		!errors.As(err, &ambiguous) || !slices.Equal(ambiguous.IDs, []string{second, third}) {
		t.Errorf("error %v, want the ids that begin so", err)
	}
	if n := DistinctDigits([]string{first, second, third}); n != shortDigits+1 {
		t.Errorf("%d digits tell the ids apart", n)
	}
}

// A data directory is read through the socket of a running vigil, else by opening its store.
func TestOpenLocal(t *testing.T) {
	dataDir := t.TempDir()
	if _, err := OpenLocal(alerttest.Within(t), dataDir, Observer{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("error %v, want %v", err, ErrNoStore)
	}
	if _, err := CheckStore(dataDir); !errors.Is(err, ErrNoStore) {
		t.Errorf("error %v, want %v", err, ErrNoStore)
	}
	server, err := broker.Start(alerttest.Within(t), broker.Options{Dir: store.Dir(dataDir), NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	id := alerts.NewID()
	publish(t, conn, event(id, "yard", alerts.PhaseStart, 0))
	read := func(running bool) {
		t.Helper()
		a, err := OpenLocal(alerttest.Within(t), dataDir, Observer{})
		if err != nil {
			t.Fatal(err)
		}
		if last, err := a.Resolve(alerttest.Within(t), Last, "yard"); err != nil || last != id ||
			a.Running() != running {
			t.Errorf("the last alert is %s, %v, a vigil runs: %v", last, err, a.Running())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	read(true)
	if _, err := RepairStore(dataDir, nil); err == nil {
		t.Error("a store in use was repaired")
	}
	if err := errors.Join(conn.Close(), server.Shutdown()); err != nil {
		t.Fatal(err)
	}
	read(false)
	if r, err := CheckStore(dataDir); err != nil || r.Damaged() {
		t.Errorf("the store is %+v, %v", r, err)
	}
	if r, err := RepairStore(dataDir, nil); err != nil || len(r.Rescued) != 0 {
		t.Errorf("repaired is %+v, %v", r, err)
	}
}
