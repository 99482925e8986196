package evidence

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	natssink "vigil/alerts/sink/nats"
	"vigil/alerts/thread"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// startRemote starts Debian's nats-server with a configuration, and connects to it.
func startRemote(t *testing.T, config string) (*natstest.Process, *broker.Conn) {
	t.Helper()
	p := natstest.Launch(t, natstest.FreePort(t), config)
	c, err := broker.Dial(alerttest.Within(t), broker.DialOptions{
		URL:                 fmt.Sprintf("nats://127.0.0.1:%d", p.Port),
		ConnectInBackground: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for began := time.Now(); !c.Connected(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > alerttest.LongWait {
			t.Fatal("no connection to the server that was just started")
		}
	}
	if err := c.Check(alerttest.Within(t), "yard"); err != nil {
		t.Fatal(err)
	}
	return p, c
}

// copier copies to an instance's bucket on the other server.
func copier(from jetstream.JetStream, to *broker.Conn, instance string, bytes int64, log *slog.Logger) *Copier {
	c := NewCopier(to, BucketOf(instance), Limits{Bytes: bytes}, log)
	c.Start(from)
	return c
}

// eventWithEvidence returns an update that names stored pieces of evidence.
func eventWithEvidence(t *testing.T, from *Store, id string, contents map[string]string) (alerts.Alert, sink.Message) {
	t.Helper()
	a := event(id, alerts.PhaseUpdate)
	a.Seq, a.Kind, a.Model = 1, alerts.KindUntrusted, alerts.Model{Name: "small", Hash: "ab"}
	for name, text := range contents {
		name = id + "/" + name
		if err := from.Put(alerttest.Within(t), name, "image/jpeg", []byte(text)); err != nil {
			t.Fatal(err)
		}
		a.Evidence = append(a.Evidence, alerts.Evidence{
			Kind: alerts.EvidenceSnapshot, MediaType: "image/jpeg", Bucket: BucketOf("here"), Name: name,
			Bytes: int64(len(text)), SHA256: Digest([]byte(text)),
		})
	}
	data, err := alerts.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	return a, sink.Message{Seq: 1, Camera: a.Camera, Subject: a.Subject(), ID: a.MessageID(), Data: data}
}

// Evidence reaches the configured server before the message that names it, with the digest in the message, and within
// the limits there.
func TestEvidenceIsCopiedFirst(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	c := copier(js, far, "here", 1000, slog.New(slog.DiscardHandler))
	forwarded := natssink.Sink{Conn: far, BeforeDeliver: func(ctx context.Context,
		m sink.Message,
	) {
		c.Copy(ctx, m.Data)
	}}
	received := make(chan alerts.Alert, 10)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	following := make(chan error, 1)
	go func() {
		following <- far.Follow(ctx, broker.FollowOptions{All: true}, func(r broker.Record) error {
			a, err := alerts.Decode(r.Data)
			received <- a
			return err
		})
	}()
	var first string
	for i := range 4 {
		id := alerts.NewID()
		_, m := eventWithEvidence(t, from, id, map[string]string{
			"snapshot-1.jpg": strings.Repeat(fmt.Sprint(i), 200),
			"heatmap-1.jpg":  strings.Repeat("h", 200),
		})
		if err := forwarded.Deliver(alerttest.Within(t), m); err != nil {
			t.Fatal(err)
		}
		select {
		case a := <-received:
			// A subscriber can open it at once.
			for _, e := range a.Evidence {
				if data, err := NewReader(far.JetStream()).Read(alerttest.Within(t), e.Bucket, e.Name); err != nil ||
					Digest(data) != e.SHA256 {
					t.Errorf("%s at the other server: %d bytes, %v", e.Name, len(data), err)
				}
			}
			if first == "" {
				first = a.Evidence[0].Name
			}
		case <-alerttest.Within(t).Done():
			t.Fatal("the message did not arrive")
		}
	}
	if _, err := NewReader(far.JetStream()).Read(alerttest.Within(t), BucketOf("here"), first); err == nil {
		t.Errorf("%s is still there, above the limit of that server", first)
	}
	// A clip finished after the last message is copied later.
	if err := from.Put(alerttest.Within(t), "z/clip-1.mp4", "video/mp4", []byte("late")); err != nil {
		t.Fatal(err)
	}
	c.CopyOne(alerttest.Within(t), alerts.Evidence{
		Kind: alerts.EvidenceClip, MediaType: "video/mp4", Bucket: BucketOf("here"),
		Name: "z/clip-1.mp4",
	})
	if data, err := NewReader(far.JetStream()).Read(alerttest.Within(t), BucketOf("here"),
		"z/clip-1.mp4"); err != nil ||
		string(data) != "late" {
		t.Errorf("the late clip: %q, %v", data, err)
	}
	stop()
	if err := <-following; err != nil {
		t.Error(err)
	}
}

// A server that accepts alerts and no objects gets the alerts; the failure is logged once.
func TestFailedCopyDelaysNoAlert(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, `authorization: {users: [{user: u, password: p, permissions: {publish: {deny: ["$O.>"]}}}]}
no_auth_user: u
`+natstest.JetStreamIn(t.TempDir()))
	var log alerttest.Log
	c := copier(js, far, "here", 1<<20, slog.New(slog.NewTextHandler(&log, nil)))
	forwarded := natssink.Sink{Conn: far, BeforeDeliver: func(ctx context.Context,
		m sink.Message,
	) {
		c.Copy(ctx, m.Data)
	}}
	for range 3 {
		a, m := eventWithEvidence(t, from, alerts.NewID(), map[string]string{"snapshot-1.jpg": "x"})
		if err := forwarded.Deliver(alerttest.Within(t), m); err != nil {
			t.Fatal(err)
		}
		if last, err := far.Last(alerttest.Within(t), alerts.AllAlerts); err != nil || last.ID != a.MessageID() {
			t.Errorf("%s did not arrive, the last is %s: %v", a.MessageID(), last.ID, err)
		}
	}
	if n := log.Count("not copied"); n != 1 ||
		!strings.Contains(strings.ToLower(log.String()), "permissions violation") {
		t.Errorf("it was logged %d times, want once with the reason:\n%s", n, log.String())
	}
}

// Two vigils copy to one server: neither deletes the other's uploads in progress or stored evidence, whatever the
// limits of each.
func TestTwoVigilsCopyToOneServer(t *testing.T) {
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	quiet := slog.New(slog.DiscardHandler)
	put := func(instance string, bytes int64) string {
		t.Helper()
		js := server(t)
		from := objects(t, js, Limits{Bytes: 1 << 20})
		c := copier(js, far, instance, bytes, quiet)
		for range 3 {
			id := alerts.NewID()
			if err := from.Put(alerttest.Within(t), id+"/clip-1.mp4", "video/mp4", make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
			c.CopyOne(alerttest.Within(t), alerts.Evidence{
				Kind: alerts.EvidenceClip, MediaType: "video/mp4", Bucket: c.Bucket(),
				Name: id + "/clip-1.mp4",
			})
		}
		return c.Bucket()
	}
	big := put("big", 1<<20)
	// One uploads while the other starts.
	if _, err := far.JetStream().Publish(alerttest.Within(t), chunkSubject(big, "upload"),
		make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	small := put("small", 1500)
	for _, c := range []struct {
		bucket string
		want   uint64
	}{{big, 3*2 + 1}, {small, 2}} {
		s, err := far.JetStream().Stream(alerttest.Within(t), streamOf(c.bucket))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().State.Msgs; got != c.want {
			t.Errorf("%s: %d messages are kept, want %d", c.bucket, got, c.want)
		}
	}
}

// On the other server old evidence is deleted without new uploads, also from the bucket that all vigils once shared.
func TestOldCopiesExpire(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	shared := objects(t, far.JetStream(), Limits{Bytes: 1 << 20})
	for _, o := range []*Store{from, shared} {
		if err := o.Put(alerttest.Within(t), "z/clip-1.mp4", "video/mp4", []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	c := NewCopier(far, BucketOf("here"), Limits{Bytes: 1 << 20, Age: time.Nanosecond}, slog.New(slog.DiscardHandler))
	c.Start(js)
	c.CopyOne(alerttest.Within(t), alerts.Evidence{MediaType: "video/mp4", Bucket: c.Bucket(), Name: "z/clip-1.mp4"})
	if err := c.Expire(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{Bucket, c.Bucket()} {
		if left, err := NewReader(far.JetStream()).Names(alerttest.Within(t), bucket, "z"); err != nil ||
			len(left) != 0 {
			t.Errorf("%s has %d objects: %v", bucket, len(left), err)
		}
	}
}

// The server is inside another vigil, whose own evidence has the former name of copies: it stays, however old.
func TestForeignEvidenceStays(t *testing.T) {
	other, err := outbox.Open(alerttest.Within(t), outbox.Options{Server: broker.Options{Dir: t.TempDir(), Port: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	its := objects(t, other.Conn().JetStream(), Limits{Bytes: 1 << 20})
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	for _, o := range []*Store{its, from} {
		if err := o.Put(alerttest.Within(t), "z/clip-1.mp4", "video/mp4", []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	far, err := broker.Dial(alerttest.Within(t), broker.DialOptions{URL: other.Server().URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	c := copier(js, far, "here", 1<<20, slog.New(slog.DiscardHandler))
	c.CopyOne(alerttest.Within(t), alerts.Evidence{MediaType: "video/mp4", Bucket: c.Bucket(), Name: "z/clip-1.mp4"})
	// Its next run, in which nothing has been copied yet.
	c = NewCopier(far, BucketOf("here"), Limits{Bytes: 1 << 20, Age: time.Nanosecond}, slog.New(slog.DiscardHandler))
	c.Start(js)
	if err := c.Expire(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]int{Bucket: 1, c.Bucket(): 0} {
		if left, err := NewReader(far.JetStream()).Names(alerttest.Within(t), bucket, "z"); err != nil ||
			len(left) != want {
			t.Errorf("%s has %d objects, want %d: %v", bucket, len(left), want, err)
		}
	}
}

// A server whose data was deleted gets its bucket again.
func TestDeletedBucketIsRecreated(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	c := copier(js, far, "here", 1<<20, slog.New(slog.DiscardHandler))
	for _, name := range []string{"z/clip-1.mp4", "z/clip-2.mp4", "z/clip-3.mp4"} {
		if err := from.Put(alerttest.Within(t), name, "video/mp4", []byte("x")); err != nil {
			t.Fatal(err)
		}
		ctx := alerttest.Within(t)
		if name == "z/clip-2.mp4" { // its bucket is missing; the server does not even reply
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			ctx = short
		}
		c.CopyOne(ctx, alerts.Evidence{MediaType: "video/mp4", Bucket: c.Bucket(), Name: name})
		if name == "z/clip-1.mp4" {
			if err := far.JetStream().DeleteObjectStore(alerttest.Within(t), c.Bucket()); err != nil {
				t.Fatal(err)
			}
		}
		c.pausedUntil = time.Time{} // as after the pause
	}
	if left, err := NewReader(far.JetStream()).Names(alerttest.Within(t), c.Bucket(), "z"); err != nil ||
		len(left) != 1 {
		t.Errorf("%d pieces, want the one that came after the failure: %v", len(left), err)
	}
}

// A message of a version whose copies shared one bucket, delivered by this version, is shown with its evidence.
func TestEvidenceOfOlderVersion(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	c := copier(js, far, "here", 1<<20, slog.New(slog.DiscardHandler))
	a, _ := eventWithEvidence(t, from, alerts.NewID(), map[string]string{"snapshot-1.jpg": "x", "heatmap-1.jpg": "y"})
	for i := range a.Evidence {
		a.Evidence[i].Bucket = Bucket
	}
	data, err := alerts.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	c.Copy(alerttest.Within(t), data)
	pieces, err := NewReader(far.JetStream()).Of(alerttest.Within(t), a)
	if err != nil || len(pieces) != 2 || pieces[0].Bucket != c.Bucket() {
		t.Errorf("found are %v, %v", pieces, err)
	}
}

// The timeout for copying begins when the lock is held, however long that took, and waiting for it ends with the
// context.
func TestCopyTimeoutStartsWithLock(t *testing.T) {
	js := server(t)
	from := objects(t, js, Limits{Bytes: 1 << 20})
	_, far := startRemote(t, natstest.JetStreamIn(t.TempDir()))
	if err := from.Put(alerttest.Within(t), "z/clip-1.mp4", "video/mp4", []byte("x")); err != nil {
		t.Fatal(err)
	}
	c := NewCopier(far, BucketOf("here"), Limits{Bytes: 1 << 20}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.CopyOne(ctx, alerts.Evidence{Name: "z/clip-1.mp4"}) // another goroutine holds the lock
	budget := make(chan time.Duration, 1)
	c.started = func(ctx context.Context) {
		deadline, _ := ctx.Deadline()
		budget <- time.Until(deadline)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.CopyOne(alerttest.Within(t), alerts.Evidence{
			MediaType: "video/mp4", Bucket: c.Bucket(),
			Name: "z/clip-1.mp4",
		})
	}()
	<-time.After(copyTimeout / 20) // waiting for the lock
	c.Start(js)
	<-done
	if left := <-budget; left < copyTimeout-copyTimeout/40 {
		t.Errorf("%v of %v were left at its turn", left, copyTimeout)
	}
}

// A late clip is passed on for copying once it is stored, and nothing else is.
func TestLateClipIsCopied(t *testing.T) {
	late := make(chan alerts.Evidence, 10)
	js := server(t)
	enc := &countingEncoder{hold: make(chan struct{})}
	m := startMaker(t, Options{
		Store: objects(t, js, Limits{Bytes: 1 << 20}), Encoder: enc,
		AfterEnd: func(_ context.Context, e alerts.Evidence) { late <- e },
	})
	r, id := newTestMedia(t, 18), alerts.NewID()
	m.Submit(thread.Request{Alert: event(id, alerts.PhaseStart), Heat: heat(32), Side: 32, Media: r})
	nextResult(t, m)
	m.Submit(thread.Request{Alert: event(id, alerts.PhaseEnd), Media: r})
	promised := nextResult(t, m).Pending
	enc.hold <- struct{}{}
	select {
	case e := <-late:
		if len(promised) != 1 || e.Name != promised[0].Name || e.Bucket != promised[0].Bucket {
			t.Errorf("promised %+v, came %+v", promised, e)
		}
		if data, err := NewReader(js).Read(alerttest.Within(t), e.Bucket, e.Name); err != nil ||
			Digest(data) != e.SHA256 {
			t.Errorf("%d bytes are kept: %v", len(data), err)
		}
	case <-alerttest.Within(t).Done():
		t.Fatal("nothing was handed on")
	}
	if len(late) > 0 {
		t.Errorf("%d more pieces were handed on", len(late))
	}
}
