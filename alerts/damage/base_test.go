package damage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
)

// hangLimit bounds what takes moments, or a minute on a busy machine; a start that hangs uses all of it.
const hangLimit = 4 * time.Minute

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	t.Cleanup(cancel)
	return ctx
}

// message is an acknowledged message.
type message struct {
	seq        uint64
	camera, id string
	data       string
}

// receiver is a sink that stores what it receives, and accepts nothing of one camera while that is blocked.
type receiver struct {
	mu      sync.Mutex
	blocked string
	got     []message
}

func (*receiver) Name() string { return "webhook" }

func (r *receiver) Deliver(_ context.Context, m sink.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Camera == r.blocked {
		return errors.New("away")
	}
	r.got = append(r.got, message{m.Seq, m.Camera, m.ID, string(m.Data)})
	return nil
}

func (r *receiver) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// blockedCamera is the camera with undelivered alerts.
const blockedCamera = "cellar"

var cameras = []string{"gate", "yard", blockedCamera, "attic"}

// base is a cleanly closed store and its expected content.
type base struct {
	dir, olderCopy string // half is an older copy of dir
	other          string // of another vigil
	stored         []message
	delivered      []message
	open           map[string]bool // events without an end
	torn           map[string]bool // those whose end was lost by earlier damage, known only from the ledger
	objects        map[string]string
}

func options(dir string, r *receiver, log *journal) outbox.Options {
	return outbox.Options{
		Server: broker.Options{Dir: dir, NoListen: true, SyncLazily: true}, Sinks: []sink.Sink{r}, Log: log.logger(),
		Reserve: 1 << 16, LongestPause: 100 * time.Millisecond,
	}
}

// publish stores an event of so many messages; with ends the last one is its end.
func publish(ctx context.Context, o *outbox.Outbox, camera string, messages int, ends bool) (id string, err error) {
	id = alerts.NewID()
	for seq := range messages {
		phase := alerts.PhaseUpdate
		switch {
		case seq == 0:
			phase = alerts.PhaseStart
		case ends && seq == messages-1:
			phase = alerts.PhaseEnd
		}
		if err := o.Publish(ctx, alerttest.Event(camera, id, seq, phase)); err != nil {
			return id, err
		}
	}
	return id, nil
}

// newBase creates the store: 60 messages of four cameras, one of them undelivered, two with an open event, and
// evidence.
func newBase(t testing.TB) *base {
	t.Helper()
	root := t.TempDir()
	b := &base{
		dir: filepath.Join(root, "base"), olderCopy: filepath.Join(root, "half"), other: filepath.Join(root, "other"),
		open: map[string]bool{}, objects: map[string]string{},
	}
	b.session(t, b.other, 1)
	b.stored, b.delivered, b.open, b.objects = nil, nil, map[string]bool{}, map[string]string{}
	b.session(t, b.dir, 2)
	clone(t, b.dir, b.olderCopy)
	b.session(t, b.dir, 2)
	return b
}

// session opens the store, publishes so many rounds, and closes it; the second session leaves two events open.
func (b *base) session(t testing.TB, dir string, rounds int) {
	t.Helper()
	r, log := &receiver{blocked: blockedCamera}, &journal{}
	o, err := outbox.Open(within(t), options(dir, r, log))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := evidence.OpenObjects(within(t), o.Conn().JetStream(), evidence.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(errors.Join(err, o.Close()))
	}
	for round := range rounds {
		for _, camera := range cameras {
			id, err := publish(within(t), o, camera, 3+round, true)
			if err == nil {
				name := id + "/snapshot-25.jpg"
				b.objects[name] = fmt.Sprintf("what %s showed in %s", camera, id)
				err = objects.Put(within(t), name, "image/jpeg", []byte(b.objects[name]))
			}
			if err != nil {
				t.Fatal(errors.Join(err, o.Close()))
			}
		}
	}
	if len(b.stored) > 0 {
		for _, camera := range []string{"yard", blockedCamera} {
			id, err := publish(within(t), o, camera, 2, false)
			if err != nil {
				t.Fatal(errors.Join(err, o.Close()))
			}
			b.open[id] = true
		}
	}
	b.stored = read(t, o.Conn().JetStream())
	for {
		if w := o.Backlog(); len(w) == 0 || fmt.Sprint(w) == fmt.Sprintf("map[webhook:[%s]]", blockedCamera) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	b.delivered = append(b.delivered, r.all()...)
	if len(log.losses()) > 0 {
		t.Fatalf("a store that nobody touched: %v", log.losses())
	}
}

// read reads the stored messages by number with the NATS client.
func read(t testing.TB, js jetstream.JetStream) (all []message) {
	t.Helper()
	s, err := js.Stream(within(t), broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	state := s.CachedInfo().State
	ctx := within(t)
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			t.Fatalf("number %d: %v", seq, err)
		}
		a, err := alerts.Decode(m.Data)
		if err != nil {
			t.Errorf("number %d: %v", seq, err)
			continue
		}
		all = append(all, message{seq, a.Camera, m.Header.Get(jetstream.MsgIDHeader), string(m.Data)})
	}
	return all
}

// clone copies a store without its reserve.
func clone(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// idsOf returns the ids of messages.
func idsOf(all []message) []string {
	ids := map[string]bool{}
	for _, m := range all {
		ids[m.id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}
