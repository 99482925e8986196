package archive

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/alerttest"
)

// message is a message of an alert that began ago.
func message(id, camera string, seq int, ago time.Duration) alerts.Alert {
	a := event(id, camera, alerttest.Phases[min(seq, 2)], ago)
	a.Seq = seq
	return a
}

func pageIDs(t *testing.T, x *Index, o PageOptions) (ids []string) {
	t.Helper()
	page, err := x.Page(alerttest.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page {
		ids = append(ids, e.Alert.ID)
	}
	return ids
}

func (x *Index) check(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := pageIDs(t, x, PageOptions{}); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// The pages are those of the list, the newest first, and have the last messages and the acknowledgements.
func TestPages(t *testing.T) {
	conn := embedded(t)
	x := NewIndex(New(conn))
	if _, err := x.Page(alerttest.Within(t), PageOptions{}); !errors.Is(err, broker.ErrNoStream) {
		t.Errorf("without a stream: %v", err)
	}
	const a, b, c = "01KB7Z0000AAAAAAAAAAAAAAAA", "01KB7Z0001BBBBBBBBBBBBBBBB", "01KB7Z0001BBCCCCCCCCCCCCCC"
	now := time.Now()
	publish(t, conn, message(c, "yard", 0, time.Hour), message(a, "yard", 0, 3*time.Hour))
	x.check(t, "two", c, a)
	publish(t, conn, message(b, "gate", 0, 2*time.Hour), message(a, "yard", 2, 3*time.Hour))
	x.check(t, "three", c, b, a)
	r, err := x.archive.Show(alerttest.Within(t), a, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.archive.Acknowledge(alerttest.Within(t), r, "Ann", false); err != nil {
		t.Fatal(err)
	}
	x.check(t, "with an acknowledgement", c, b, a)
	if _, err := x.archive.Acknowledge(alerttest.Within(t), r, "Bob", false); err != nil {
		t.Fatal(err)
	}
	all, err := x.Page(alerttest.Within(t), PageOptions{})
	if err != nil || len(all) != 3 || all[2].Alert.Seq != 2 || all[2].Ack == nil || all[2].Ack.By != "Bob" ||
		all[1].Ack != nil {
		t.Errorf("%+v, %v", all, err)
	}
	second := Place{all[1].Alert.Start.Wall, b}
	for name, tt := range map[string]struct {
		o    PageOptions
		want []string
	}{
		"the newest":         {PageOptions{Limit: 2}, []string{c, b}},
		"behind a place":     {PageOptions{Before: second}, []string{a}},
		"a camera":           {PageOptions{Camera: "yard", Limit: 5}, []string{c, a}},
		"a visible camera":   {PageOptions{Sees: func(camera string) bool { return camera == "gate" }}, []string{b}},
		"from":               {PageOptions{From: now.Add(-150 * time.Minute)}, []string{c, b}},
		"to":                 {PageOptions{To: now.Add(-90 * time.Minute)}, []string{b, a}},
		"nothing since then": {PageOptions{Since: now.Add(time.Hour)}, nil},
		"all since then":     {PageOptions{Since: now.Add(-time.Hour)}, []string{c, b, a}},
		"behind everything":  {PageOptions{Before: Place{now.Add(-9 * time.Hour), a}}, nil},
	} {
		if got := pageIDs(t, x, tt.o); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// What the stream has deleted is not in the list any more: the oldest messages by its limits, others by hand, and all
// of them with the stream itself.
func TestPagesAfterDeletion(t *testing.T) {
	conn := embedded(t)
	x := NewIndex(New(conn))
	var ids []string
	for i := range 6 {
		ids = append(ids, alerts.NewID())
		for seq := range 3 {
			publish(t, conn, message(ids[i], "yard", seq, time.Hour-time.Duration(i)*time.Minute))
		}
	}
	ctx := alerttest.Within(t)
	x.check(t, "all", ids[5], ids[4], ids[3], ids[2], ids[1], ids[0])
	s, err := conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(5)); err != nil { // the first alert and a part of the second
		t.Fatal(err)
	}
	x.check(t, "without the oldest", ids[5], ids[4], ids[3], ids[2], ids[1])
	if len(x.byID) != 5 || len(x.order) != 5 {
		t.Errorf("the index has %d and %d alerts", len(x.byID), len(x.order))
	}
	for _, n := range []uint64{10, 11, 12, 15} { // the fourth alert, and the last message of the fifth
		if err := s.DeleteMsg(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	x.check(t, "without the deleted", ids[5], ids[4], ids[2], ids[1])
	if got := pageIDs(t, x, PageOptions{Limit: 3}); !slices.Equal(got, []string{ids[5], ids[4], ids[2]}) {
		t.Errorf("a page has %q", got)
	}
	page, err := x.Page(ctx, PageOptions{Limit: 2})
	if err != nil || page[1].Alert.Seq != 1 {
		t.Errorf("an alert without its last message: %+v, %v", page, err)
	}
	if found, err := x.archive.Messages(ctx, ids[4]); err != nil || len(found) != 2 || found[1].Alert.Seq != 1 {
		t.Errorf("its messages: %+v, %v", found, err)
	}
	if _, err := x.archive.Messages(ctx, ids[0]); !errors.Is(err, ErrNoAlert) {
		t.Errorf("the messages of a deleted alert: %v", err)
	}
	for _, n := range []uint64{16, 17, 18} { // the last alert: the numbers go on behind it
		if err := s.DeleteMsg(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	another := alerts.NewID()
	publish(t, conn, message(another, "yard", 0, 0))
	x.check(t, "after the end was deleted", another, ids[4], ids[2], ids[1])
	if err := conn.JetStream().DeleteStream(ctx, broker.Stream); err != nil {
		t.Fatal(err)
	}
	publish(t, conn, message(ids[0], "yard", 0, 0))
	x.check(t, "of a new stream", ids[0])
}

// A server that was restarted may have lost the latest messages and given their numbers to others.
func TestPagesAfterLoss(t *testing.T) {
	conn := embedded(t)
	x := NewIndex(New(conn))
	a, b, c := alerts.NewID(), alerts.NewID(), alerts.NewID()
	publish(t, conn, message(a, "yard", 0, 3*time.Hour), message(b, "yard", 0, 2*time.Hour))
	x.check(t, "before", b, a)
	x.last.Time = x.last.Time.Add(-time.Second) // as if it had been another message
	publish(t, conn, message(c, "yard", 0, time.Hour))
	x.byID[b].place.ID = "lost"
	x.check(t, "after", c, b, a)
	x.state.LastSeq, x.last.Seq = 9, 9
	x.check(t, "after a longer stream", c, b, a)
}

// BenchmarkPage reads a page of 100 of 10000 stored alerts with acknowledgements.
func BenchmarkPage(b *testing.B) {
	server, err := broker.Start(b.Context(), broker.Options{Dir: b.TempDir(), NoListen: true, SyncLazily: true})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := broker.Dial(b.Context(), broker.DialOptions{Server: server})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(conn.Close(), server.Shutdown()); err != nil {
			b.Error(err)
		}
	})
	if err := conn.EnsureStream(b.Context()); err != nil {
		b.Fatal(err)
	}
	count := 0
	store := func() {
		id := alerts.NewID()
		for seq := range 2 {
			m := message(id, fmt.Sprintf("c%d", count%8), 2*seq, time.Duration(10000-count)*time.Second)
			data, err := alerts.Encode(m)
			if err != nil {
				b.Fatal(err)
			}
			// Not conn.Publish, which waits for each.
			if _, err := conn.JetStream().PublishAsync(m.Subject(), data,
				jetstream.WithMsgID(m.MessageID())); err != nil {
				b.Fatal(err)
			}
		}
		count++
	}
	for range 10000 {
		store()
	}
	<-conn.JetStream().PublishAsyncComplete()
	x := NewIndex(New(conn))
	began := time.Now()
	first, err := x.Page(b.Context(), PageOptions{Limit: 1})
	if err != nil || len(first) != 1 {
		b.Fatal(first, err)
	}
	b.Logf("the first page takes %v", time.Since(began))
	for name, each := range map[string]func(){"unchanged": func() {}, "one more": func() {
		store()
		<-conn.JetStream().PublishAsyncComplete()
	}} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				b.StopTimer()
				each()
				b.StartTimer()
				began := time.Now()
				if page, err := x.Page(b.Context(), PageOptions{Limit: 100}); err != nil || len(page) != 100 {
					b.Fatal(len(page), err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}
