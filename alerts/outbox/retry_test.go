package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// A client with an account that may write can put an entry into the bucket of set-aside alerts: it is not delivered,
// hides nothing and can be dropped.
func TestForeignSetAsideIsNotDelivered(t *testing.T) {
	recorder := newRefusingSink()
	o := open(t, Options{
		Server: broker.Options{Accounts: []broker.Account{{Name: "tool", Password: "t00l", Rights: broker.Write}}},
		Sinks:  []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond,
	})
	refused := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	recorder.set(refused.MessageID(), sink.Refused(errors.New("answered 400")))
	if err := errors.Join(o.Publish(alerttest.Within(t), refused), o.Drain(alerttest.Within(t))); err != nil {
		t.Fatal(err)
	}
	kv, err := openAsWriter(t, o).KeyValue(alerttest.Within(t), AsideBucket)
	if err != nil {
		t.Fatal(err)
	}
	forged := alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	data, err := alerts.Encode(forged)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []uint64{1, 1 << 40} {
		a := Aside{
			Sink: "hook", Camera: "gate", AlertID: forged.ID, MessageID: forged.MessageID(), Subject: forged.Subject(),
			Number: number, Retry: true, Data: data, Origin: "x",
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kv.Put(alerttest.Within(t), "forged", text); err != nil {
			t.Fatal(err)
		}
		alerttest.Eventually(alerttest.Within(t), t, "the refusal of what was forged", func() bool {
			e, err := kv.Get(alerttest.Within(t), "forged")
			a = Aside{}
			return err == nil && json.Unmarshal(e.Value(), &a) == nil && !a.Retry &&
				a.Reason == errNotStoredHere.Error()
		})
	}
	for _, garbage := range []string{"", "{", "[]", "null", "{}"} {
		if _, err := kv.PutString(alerttest.Within(t), "garbage", garbage); err != nil {
			t.Fatal(err)
		}
		all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
		if err != nil || len(all) != 3 ||
			!slices.ContainsFunc(all, func(a Aside) bool { return a.MessageID == refused.MessageID() }) {
			t.Errorf("with %q set aside are %v, %v", garbage, all, err)
		}
	}
	drop := func(of jetstream.JetStream, key string) {
		t.Helper()
		all, err := ListAside(alerttest.Within(t), of)
		i := slices.IndexFunc(all, func(a Aside) bool { return a.Key == key })
		if err != nil || i < 0 {
			t.Fatalf("%s is not set aside: %v, %v", key, all, err)
		}
		if key == "garbage" && RetryAside(alerttest.Within(t), of, all[i]) == nil {
			t.Error("garbage is tried again")
		}
		if err := DropAside(alerttest.Within(t), of, all[i]); err != nil {
			t.Error(err)
		}
	}
	drop(o.Conn().JetStream(), "garbage")
	drop(o.Conn().JetStream(), "forged")
	recorder.set(refused.MessageID(), nil)
	all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
	if err != nil || len(all) != 1 {
		t.Fatalf("set aside are %v, %v", all, err)
	}
	if err := RetryAside(alerttest.Within(t), o.Conn().JetStream(), all[0]); err != nil {
		t.Fatal(err)
	}
	alerttest.Eventually(alerttest.Within(t), t, "the delivery of what was set aside",
		func() bool { return len(recorder.ids("gate")) > 0 })
	equal(t, recorder.ids("gate"), []string{refused.MessageID()})
}

// A receiver that does not answer a requested retry delays no camera, and the stream is checked meanwhile.
func TestRequestedRetryDelaysNothing(t *testing.T) {
	release, trying := make(chan struct{}), make(chan struct{}, 1)
	recorder := newRefusingSink()
	o := open(t, Options{Sinks: []sink.Sink{recorder}, SetAsideAfter: time.Nanosecond})
	slow, other := alerttest.Event("slow", alerts.NewID(), 0, alerts.PhaseStart),
		alerttest.Event("gate", alerts.NewID(), 0, alerts.PhaseStart)
	next := alerttest.Event("gate", other.ID, 1, alerts.PhaseEnd)
	recorder.set(slow.MessageID(), sink.Refused(errors.New("answered 400")))
	recorder.set(other.MessageID(), sink.Refused(errors.New("answered 400")))
	if err := errors.Join(o.Publish(alerttest.Within(t), slow), o.Drain(alerttest.Within(t))); err != nil {
		t.Fatal(err)
	}
	refuse := recorder.refuse
	recorder.choice.Lock() // the forwarder of this sink is idle
	recorder.refuse = func(m sink.Message) error {
		if !m.Again {
			return refuse(m)
		}
		trying <- struct{}{}
		<-release
		return nil
	}
	recorder.choice.Unlock()
	all, err := ListAside(alerttest.Within(t), o.Conn().JetStream())
	if err != nil || len(all) != 1 {
		t.Fatalf("set aside are %v, %v", all, err)
	}
	if err := RetryAside(alerttest.Within(t), o.Conn().JetStream(), all[0]); err != nil {
		t.Fatal(err)
	}
	<-trying
	if err := errors.Join(o.Publish(alerttest.Within(t), other), o.Publish(alerttest.Within(t), next),
		o.Drain(alerttest.Within(t))); err != nil {
		t.Error(err)
	}
	equal(t, recorder.ids("gate"), []string{next.MessageID()})
	if err := o.Conn().JetStream().DeleteStream(alerttest.Within(t), broker.Stream); err != nil {
		t.Fatal(err)
	}
	alerttest.Eventually(alerttest.Within(t), t, "the stream", func() bool {
		// the server is restarted, and a request may be lost
		ctx, cancel := context.WithTimeout(alerttest.Within(t), time.Second)
		defer cancel()
		_, err := o.Conn().JetStream().Stream(ctx, broker.Stream)
		return err == nil
	})
	close(release)
	alerttest.Eventually(alerttest.Within(t), t, "the delivery",
		func() bool { return slices.Contains(recorder.ids("slow"), slow.MessageID()) })
}

// Cursors stay in the existing bucket while it cannot be opened again, as during another restart.
func TestBucketReopenFails(t *testing.T) {
	o := open(t, Options{Sinks: []sink.Sink{newRefusingSink()}})
	ctx, cancel := context.WithCancel(alerttest.Within(t))
	cancel()
	if err := o.openCursors(ctx); err == nil {
		t.Fatal("opened after the end of its context")
	}
	if err := o.saveCursor(alerttest.Within(t), "hook.yard", 0); err != nil {
		t.Error(err)
	}
}
