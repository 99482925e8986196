package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// refusingSink is a sink that refuses some messages, or fails.
type refusingSink struct {
	recordingSink
	choice sync.Mutex
	bad    map[string]error
}

func newRefusingSink() *refusingSink {
	p := &refusingSink{bad: map[string]error{}}
	p.recordingSink = recordingSink{name: "hook", refuse: func(m sink.Message) error {
		p.choice.Lock()
		defer p.choice.Unlock()
		return p.bad[m.ID]
	}}
	return p
}

func (p *refusingSink) set(id string, err error) {
	p.choice.Lock()
	defer p.choice.Unlock()
	p.bad[id] = err
}

// An alert whose content is refused is set aside after a while, the next ones continue, and a person can request a
// retry, also after a restart.
func TestRefusedAlertIsSetAside(t *testing.T) {
	dir, recorder, storage := filepath.Join(t.TempDir(), "store"), newRefusingSink(), make(chan alerts.Storage, 1000)
	options := Options{
		Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond,
		OnStorage: func(s alerts.Storage) { storage <- s },
	}
	o := open(t, options)
	start, id := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart), ""
	id = start.ID
	recorder.set(start.MessageID(), sink.Refused(errors.New("answered 400\x1b[31m")))
	for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
		if err := o.Publish(alerttest.Within(t), alerttest.Event("gate", id, seq, phase)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, recorder.ids("gate"), []string{id + ":1", id + ":2"})
	all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
	if err != nil || len(all) != 1 {
		t.Fatalf("set aside are %v, %v", all, err)
	}
	a := all[0]
	if a.Sink != "hook" || a.Camera != "gate" || a.AlertID != id || a.MessageID != id+":0" ||
		!strings.Contains(a.Reason, "answered 400") ||
		a.Since.IsZero() || a.SetAside.Before(a.Since) || !bytes.Contains(a.Data, []byte(id)) {
		t.Errorf("set aside is %+v", a)
	}
	count := func(n uint64) func() bool {
		return func() bool {
			for {
				select {
				case s := <-storage:
					if s.SetAside == n {
						return true
					}
				default:
					return false
				}
			}
		}
	}
	alerttest.Eventually(alerttest.Within(t), t, "the count in vigil.storage", count(1))
	// A requested retry that fails stays set aside with its new error.
	recorder.set(id+":0", sink.Refused(errors.New("answered 422")))
	if err := RetryAside(alerttest.Within(t), o.Conn().JetStream(), a); err != nil {
		t.Fatal(err)
	}
	alerttest.Eventually(alerttest.Within(t), t, "another reason", func() bool {
		all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
		return err == nil && len(all) == 1 && strings.Contains(all[0].Reason, "422") && !all[0].Retry
	})
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	// While no vigil runs a person requests a retry, which the next vigil performs.
	store, err := broker.Start(alerttest.Within(t), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(RetryAside(alerttest.Within(t), conn.JetStream(), a), conn.Close(),
		store.Shutdown()); err != nil {
		t.Fatal(err)
	}
	recorder.set(id+":0", nil)
	o = open(t, options)
	alerttest.Eventually(alerttest.Within(t), t, "the delivery",
		func() bool { return slices.Contains(recorder.ids("gate"), id+":0") })
	alerttest.Eventually(alerttest.Within(t), t, "the count in vigil.storage", count(0))
	if all, err := ListAside(alerttest.Within(t), o.Conn().JetStream()); err != nil || len(all) != 0 {
		t.Errorf("set aside are %v, %v", all, err)
	}
}

// A temporary error is retried forever.
func TestTemporaryErrorIsNotSetAside(t *testing.T) {
	recorder := newRefusingSink()
	o := open(t, Options{Sinks: []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond, LongestPause: time.Millisecond})
	a := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	attempts := make(chan struct{}, 1000)
	recorder.refuse = func(sink.Message) error {
		select {
		case attempts <- struct{}{}:
		default:
		}
		return errors.New("answered 503")
	}
	if err := o.Publish(alerttest.Within(t), a); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		<-attempts
	}
	if all, err := ListAside(alerttest.Within(t), o.Conn().JetStream()); err != nil || len(all) != 0 {
		t.Errorf("set aside are %v, %v", all, err)
	}
}

// The set-aside alerts are bounded; the oldest is deleted, and that is logged.
func TestSetAsideIsBounded(t *testing.T) {
	log := &alerttest.Log{}
	recorder := newRefusingSink()
	recorder.refuse = func(sink.Message) error { return sink.Refused(errors.New("answered 413")) }
	o := open(t, Options{
		Sinks: []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	first := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	if err := o.Publish(alerttest.Within(t), first); err != nil {
		t.Fatal(err)
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	s, err := o.Conn().JetStream().Stream(alerttest.Within(t), "KV_"+AsideBucket)
	if err != nil {
		t.Fatal(err)
	}
	small := s.CachedInfo().Config
	small.MaxBytes = 6000
	if _, err := o.Conn().JetStream().UpdateStream(alerttest.Within(t), small); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := o.Publish(alerttest.Within(t), alerttest.Event(fmt.Sprintf("c%d", i), alerts.NewID(), 0,
			alerts.PhaseStart)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
	if err != nil || len(all) == 0 || len(all) > 9 ||
		slices.ContainsFunc(all, func(a Aside) bool { return a.AlertID == first.ID }) {
		t.Errorf("%d are set aside, %v", len(all), err)
	}
	if text := log.String(); !strings.Contains(text, "ALARM") || !strings.Contains(text, first.MessageID()) {
		t.Errorf("not logged: %s", text)
	}
	if err := DropAside(alerttest.Within(t), o.Conn().JetStream(), all[0]); err != nil {
		t.Fatal(err)
	}
	if left, err := ListAside(alerttest.Within(t), o.Conn().JetStream()); err != nil || len(left) != len(all)-1 {
		t.Errorf("%d are left of %d, %v", len(left), len(all), err)
	}
}
