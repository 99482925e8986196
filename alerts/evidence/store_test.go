package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
	"vigil/internal/alerttest"
)

func server(t *testing.T) jetstream.JetStream {
	t.Helper()
	s, err := broker.Start(alerttest.Within(t), broker.Options{Dir: t.TempDir(), NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: s})
	if err != nil {
		t.Fatal(errors.Join(err, s.Shutdown()))
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), s.Shutdown()); err != nil {
			t.Error(err)
		}
	})
	return c.JetStream()
}

func objects(t *testing.T, js jetstream.JetStream, l Limits) *Store {
	t.Helper()
	o, err := OpenObjects(alerttest.Within(t), js, l)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func names(t *testing.T, js jetstream.JetStream) map[string]bool {
	t.Helper()
	all, err := NewReader(js).Names(alerttest.Within(t), Bucket, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, i := range all {
		got[i.Name] = true
	}
	return got
}

// stored returns the number and size of the messages of the stream behind the bucket.
func stored(t *testing.T, js jetstream.JetStream) (messages, bytes uint64) {
	t.Helper()
	s, err := js.Stream(alerttest.Within(t), streamOf(Bucket))
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs, s.CachedInfo().State.Bytes
}

func TestOldestEvidenceIsEvicted(t *testing.T) {
	js := server(t)
	o := objects(t, js, Limits{Bytes: 1 << 20})
	data := bytes.Repeat([]byte{7}, 300<<10)
	for _, name := range []string{"/a", "/b", "/c", "/d"} {
		if err := o.Put(alerttest.Within(t), name, "video/mp4", data); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, js); len(got) != 3 || got["/a"] {
		t.Errorf("kept %v", got)
	}
	if n, b := o.Size(); n != 3 || b != 3*300<<10 {
		t.Errorf("%d objects of %d bytes", n, b)
	}
	// Nothing of deleted objects is left, not even the name.
	if messages, size := stored(t, js); messages != 3*4 || size > 1<<20 {
		t.Errorf("%d messages of %d bytes are stored", messages, size)
	}
	got, err := NewReader(js).Read(alerttest.Within(t), Bucket, "/d")
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if err := o.Put(alerttest.Within(t), "/huge", "video/mp4", make([]byte, 2<<20)); err == nil {
		t.Error("an object larger than everything was taken")
	}
	if err := o.Reclaim(alerttest.Within(t), 400<<10); err != nil {
		t.Fatal(err)
	}
	if n, _ := o.Size(); n != 1 {
		t.Errorf("%d objects are left", n)
	}
}

func TestOldEvidenceExpires(t *testing.T) {
	js := server(t)
	o := objects(t, js, Limits{Bytes: 1 << 20, Age: time.Hour})
	if err := o.Put(alerttest.Within(t), "/old", "image/jpeg", []byte("old")); err != nil {
		t.Fatal(err)
	}
	o.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if err := o.Put(alerttest.Within(t), "/new", "image/jpeg", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, js); len(got) != 1 || !got["/new"] {
		t.Errorf("kept %v", got)
	}
	// Limits apply to what another run left.
	o = objects(t, js, Limits{Bytes: 1 << 20, Age: time.Hour})
	o.now = func() time.Time { return time.Now().Add(4 * time.Hour) }
	if err := o.Expire(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, js); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

// A bucket follows its limits from one start to the next, up and down, and accepts everything that fits.
func TestBucketLimits(t *testing.T) {
	js := server(t)
	data := make([]byte, 8<<20)
	names := func(n int) string { return fmt.Sprintf("/%02d", n) }
	for i, c := range []struct {
		bytes int64
		kept  int
	}{{8 << 20, 1}, {64 << 20, 8}, {16 << 20, 2}, {24 << 20, 3}} {
		l := Limits{Bytes: c.bytes}
		o := objects(t, js, l)
		for n := range 8 {
			if err := o.Put(alerttest.Within(t), names(10*i+n), "video/mp4", data); err != nil {
				t.Fatalf("%d MiB: object %d: %v", c.bytes>>20, n, err)
			}
		}
		if n, _ := o.Size(); n != c.kept {
			t.Errorf("%d MiB: %d objects are kept, want %d", c.bytes>>20, n, c.kept)
		}
		s, err := js.Stream(alerttest.Within(t), streamOf(Bucket))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.MaxBytes; got != l.streamBytes() {
			t.Errorf("%d MiB: the stream takes %d, want %d", c.bytes>>20, got, l.streamBytes())
		}
	}
}

// Other settings of a bucket's stream are left to its operator.
func TestBucketKeepsOtherSettings(t *testing.T) {
	js := server(t)
	if _, err := js.CreateObjectStore(alerttest.Within(t), jetstream.ObjectStoreConfig{
		Bucket: Bucket, Description: "ours", Metadata: map[string]string{"owner": "ops"}, MaxBytes: 1 << 20,
	}); err != nil {
		t.Fatal(err)
	}
	objects(t, js, Limits{Bytes: 8 << 20})
	s, err := js.Stream(alerttest.Within(t), streamOf(Bucket))
	if err != nil {
		t.Fatal(err)
	}
	if cfg := s.CachedInfo().Config; cfg.Description != "ours" || cfg.Metadata["owner"] != "ops" ||
		cfg.MaxBytes != (Limits{Bytes: 8 << 20}).streamBytes() {
		t.Errorf("the stream is %+v", cfg)
	}
}

// failingReader is an object whose writer died: its reader fails in the middle.
type failingReader struct{ left int }

func (r *failingReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errors.New("the process died")
	}
	n := min(len(p), r.left)
	r.left -= n
	return n, nil
}

func TestOrphansArePurged(t *testing.T) {
	js := server(t)
	o := objects(t, js, Limits{Bytes: 8 << 20})
	if err := o.Put(alerttest.Within(t), "/whole", "image/jpeg", make([]byte, 200<<10)); err != nil {
		t.Fatal(err)
	}
	// Parts without a name, as a killed process leaves them: the client deletes them only while it runs.
	for range 3 {
		if _, err := js.Publish(alerttest.Within(t), chunkSubject(Bucket, "torn"), make([]byte, 128<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.bucket.Put(alerttest.Within(t), jetstream.ObjectMeta{Name: "/cut"},
		io.Reader(&failingReader{300 << 10})); err == nil {
		t.Fatal("half an object was taken")
	}
	before, _ := stored(t, js)
	objects(t, js, Limits{Bytes: 8 << 20})
	after, _ := stored(t, js)
	if after != 3 || before <= after {
		t.Errorf("%d messages became %d, want the 3 of the whole object", before, after)
	}
	if got := names(t, js); len(got) != 1 || !got["/whole"] {
		t.Errorf("kept %v", got)
	}
}
