package outbox

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// openAsWriter writes to the stream of alerts with an account that may write, like another program.
func openAsWriter(t *testing.T, o *Outbox) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(o.Server()), nats.UserInfo("tool", "t00l"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// Messages that the outbox did not store itself reach no sink, and foreign events are not ended.
func TestOnlyOwnAlertsAreForwarded(t *testing.T) {
	dir, recorder, log, storage := filepath.Join(t.TempDir(), "store"), &recordingSink{name: "hook"}, &alerttest.Log{},
		make(chan alerts.Storage, 1000)
	options := Options{
		Server: broker.Options{
			Dir:      dir,
			Accounts: []broker.Account{{Name: "tool", Password: "t00l", Rights: broker.Write}},
		},
		Sinks: []sink.Sink{recorder}, Log: slog.New(slog.NewTextHandler(log, nil)),
		OnStorage: func(s alerts.Storage) { storage <- s },
	}
	o := open(t, options)
	js := openAsWriter(t, o)
	real := wholeEvent(t, o, "gate")
	stolen, err := js.Stream(alerttest.Within(t), broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	first, err := stolen.GetMsg(alerttest.Within(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	put := func(subject, id, data string, header nats.Header) {
		t.Helper()
		m := nats.NewMsg(subject)
		m.Data = []byte(data)
		maps.Copy(m.Header, header)
		if id != "" {
			m.Header.Set(jetstream.MsgIDHeader, id)
		}
		if _, err := js.PublishMsg(alerttest.Within(t), m); err != nil {
			t.Fatal(err)
		}
	}
	encoded := func(a alerts.Alert) string {
		data, err := alerts.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	forged, other := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart),
		alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	mark := nats.Header{broker.OriginHeader: first.Header[broker.OriginHeader]}
	put(forged.Subject(), forged.MessageID(), encoded(forged), nil)
	put(other.Subject(), other.MessageID(), encoded(other), mark)
	put("vigil.alerts.gate.update", "evil-id", "garbage\x1b[31m\r\nSetHeader: evil", nil)
	put("vigil.alerts.gate.update", "", "{}", nil)
	put("vigil.alerts.gate.start", alerts.NewID()+":0",
		encoded(alerttest.Event("yard", alerts.NewID(), 0, alerts.PhaseStart)),
		nil)
	put("vigil.alerts.gate.start", "another:0", string(first.Data), mark)
	put("vigil.alerts.gate.#", "x:0", string(first.Data), mark)
	const wrong = 7
	real = append(real, wholeEvent(t, o, "gate")...)
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, recorder.ids("gate"), real)
	alerttest.Eventually(alerttest.Within(t), t, "the count in vigil.storage", func() bool {
		return len(storage) > 0 &&
			(<-storage).PassedOver > 0
	})
	if n := o.foreign.n.Load(); n != wrong {
		t.Errorf("%d were skipped, want %d", n, wrong)
	}
	if text := log.String(); strings.Count(text, "is not delivered") != 1 || strings.Contains(text, "\x1b") {
		t.Errorf("logged: %q", text)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = open(t, options)
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, recorder.ids("gate"), real)
	s, err := o.Conn().JetStream().Stream(alerttest.Within(t), broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != uint64(len(real)+wrong) {
		t.Errorf("%d messages are stored, want %d: an end was made up", n, len(real)+wrong)
	}
}

// Messages stored before there was a key, as by an earlier version, are delivered; so are those stored when the key was
// lost.
func TestAlertsOfEarlierVersionsAreForwarded(t *testing.T) {
	dir, recorder := filepath.Join(t.TempDir(), "store"), newRefusingSink()
	options := Options{Server: broker.Options{Dir: dir}, Sinks: []sink.Sink{recorder}}
	down := func(sink.Message) error { return os.ErrDeadlineExceeded }
	up := recorder.refuse
	recorder.refuse = down
	o := open(t, options)
	ids := wholeEvent(t, o, "gate")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "origin.json")); err != nil {
		t.Fatal(err)
	}
	recorder.refuse = up
	o = open(t, options)
	ids = append(ids, wholeEvent(t, o, "gate")...)
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, recorder.ids("gate"), ids)
}

// A stream that another account deletes or changes is restored, and a sealed one is reported with a remedy.
func TestStreamIsRestored(t *testing.T) {
	recorder, log := &recordingSink{name: "hook"}, &alerttest.Log{}
	o := open(t, Options{
		Server: broker.Options{Accounts: []broker.Account{{Name: "tool", Password: "t00l", Rights: broker.Write}}},
		Sinks:  []sink.Sink{recorder},
		Log:    slog.New(slog.NewTextHandler(log, nil)),
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	js := openAsWriter(t, o)
	ids := wholeEvent(t, o, "gate")
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(alerttest.Within(t), broker.Stream); err != nil {
		t.Fatal(err)
	}
	logged := func(text string) func() bool { return func() bool { return strings.Contains(log.String(), text) } }
	alerttest.Eventually(alerttest.Within(t), t, "the deletion is logged", logged("ALARM"))
	alerttest.Eventually(alerttest.Within(t), t, "what is lost is logged", logged("missing=3"))
	ids = append(ids, wholeEvent(t, o, "gate")...)
	if err := o.Drain(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, recorder.ids("gate"), ids)
	change := func(f func(*jetstream.StreamConfig)) {
		t.Helper()
		s, err := o.Conn().JetStream().Stream(alerttest.Within(t), broker.Stream)
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		f(&cfg)
		if _, err := o.Conn().JetStream().UpdateStream(alerttest.Within(t), cfg); err != nil {
			t.Fatal(err)
		}
	}
	for n, f := range []func(*jetstream.StreamConfig){
		func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 100, jetstream.DiscardOld },
		func(c *jetstream.StreamConfig) { c.MaxMsgSize = 16 },
		func(c *jetstream.StreamConfig) { c.Duplicates = time.Second },
	} {
		change(f)
		alerttest.Eventually(alerttest.Within(t), t, "the change is undone", func() bool {
			return strings.Count(log.String(), "is set back") == n+1
		})
	}
	change(func(c *jetstream.StreamConfig) { c.Sealed = true })
	alerttest.Eventually(alerttest.Within(t), t, "the seal is logged", logged("was sealed by another program"))
	ctx, stop := context.WithCancel(t.Context())
	go func() { // retries until stopped
		if o.Publish(ctx, alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)) == nil {
			t.Error("stored in a stream that is sealed")
		}
	}()
	t.Cleanup(stop)
	if n := strings.Count(log.String(), "server restarted"); n > 1 {
		t.Errorf("the server was restarted %d times", n)
	}
}
