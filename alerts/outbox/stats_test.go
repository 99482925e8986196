package outbox

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// Stats counts what waits for each sink, how long, and what was delivered; also what an earlier run has left.
func TestStats(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var blocked atomic.Bool
	blocked.Store(true)
	slow := &recordingSink{name: "slow", refuse: func(sink.Message) error {
		if blocked.Load() {
			return errors.New("blocked")
		}
		return nil
	}}
	fast := &recordingSink{name: "fast"}
	var acknowledged atomic.Int64
	options := Options{
		Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{fast, slow},
		OnDelivered: func(name string, after time.Duration) {
			if name == "slow" && after > 0 && after < alerttest.LongWait {
				acknowledged.Add(1)
			}
		},
	}
	of := func(o *Outbox, name string) SinkStats {
		for _, s := range o.Stats().Sinks {
			if s.Name == name {
				return s
			}
		}
		t.Fatalf("there is no sink %s", name)
		return SinkStats{}
	}
	o := open(t, options)
	if s := o.Stats(); len(s.Sinks) != 2 || s.Stored != 0 || s.Sinks[0] != (SinkStats{Name: "fast"}) ||
		s.FreeBytes <= 0 {
		t.Errorf("before the first alert: %+v", s)
	}
	began := time.Now()
	wholeEvent(t, o, "gate")
	between := time.Now()
	wholeEvent(t, o, "yard")
	alerttest.Eventually(alerttest.Within(t), t, "three messages of each camera, all delivered to one sink",
		func() bool {
			return of(o, "fast").Delivered == 6 && of(o, "slow").Failures >= 2
		})
	if s := of(o, "fast"); s.Waiting != 0 || !s.Oldest.IsZero() || s.Failing || s.Failures != 0 {
		t.Errorf("the sink that has everything: %+v", s)
	}
	if s := of(o, "slow"); s.Waiting != 6 || s.Oldest.Before(began) || s.Oldest.After(between) || !s.Failing ||
		s.Delivered != 0 {
		t.Errorf("the blocked sink: %+v", s)
	}
	if s := o.Stats(); s.Stored != 6 || !s.FailingSince.IsZero() || s.Waiting != 0 || s.Missing != 0 {
		t.Errorf("the store: %+v", s)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}

	o = open(t, options)
	alerttest.Eventually(alerttest.Within(t), t, "the first attempt", func() bool { return of(o, "slow").Failing })
	if s := of(o, "slow"); s.Waiting != 6 || s.Oldest.Before(began) || s.Oldest.After(between) {
		t.Errorf("the blocked sink in the next run: %+v", s)
	}
	if s := of(o, "fast"); s.Waiting != 0 {
		t.Errorf("the other one in the next run: %+v", s)
	}
	blocked.Store(false)
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	alerttest.Eventually(alerttest.Within(t), t, "everything at the sink", func() bool {
		s := of(o, "slow")
		return s.Waiting == 0 && s.Oldest.IsZero() && !s.Failing && s.Delivered == 6 && acknowledged.Load() == 6
	})
}

// What is set aside is counted, and counts as no delivery.
func TestStatsOfSetAside(t *testing.T) {
	recorder := newRefusingSink()
	o := open(t, Options{Sinks: []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond})
	a := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	recorder.set(a.MessageID(), sink.Refused(errors.New("answered 400")))
	if err := errors.Join(o.Publish(alerttest.Within(t), a), o.Drain(alerttest.Within(t))); err != nil {
		t.Fatal(err)
	}
	if s := o.Stats(); s.SetAside != 1 || s.SetAsideTotal != 1 || s.AsideDeleted != 0 || s.Sinks[0].Delivered != 0 ||
		s.Sinks[0].Waiting != 0 || s.Sinks[0].Failing {
		t.Errorf("there is %+v", s)
	}
}
