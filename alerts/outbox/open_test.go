package outbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/leaktest"
)

// An Open that fails at any step returns an error and leaves nothing open: the next one can lock the store.
func TestOpenLeavesNothingOpen(t *testing.T) {
	other := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			withStore(t, dir, func(ctx context.Context, js jetstream.JetStream) error {
				_, err := js.CreateStream(ctx, jetstream.StreamConfig{
					Name: name, Subjects: []string{"else." + name},
					Retention: jetstream.WorkQueuePolicy,
				})
				return err
			})
		}
	}
	for name, spoil := range map[string]func(*testing.T, string){
		"a file is the folder": func(t *testing.T, dir string) { writeObstacle(t, dir) },
		"the lock is a folder": func(t *testing.T,
			dir string,
		) {
			writeObstacle(t, filepath.Join(dir, "vigil.lock", "x"))
		},
		"the folder of streams is a file": func(t *testing.T, dir string) {
			writeObstacle(t, filepath.Join(dir, "jetstream"))
		},
		"another stream has the subjects": func(t *testing.T, dir string) {
			withStore(t, dir, func(ctx context.Context, js jetstream.JetStream) error {
				_, err := js.CreateStream(ctx,
					jetstream.StreamConfig{Name: "OTHER", Subjects: []string{alerts.AllAlerts}})
				return err
			})
		},
		"the stream is another kind":       other(broker.Stream),
		"the positions are something else": other("KV_" + broker.PositionsBucket),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			spoil(t, dir)
			leaktest.None(t, func() {
				o, err := Open(alerttest.Within(t), Options{
					Server: broker.Options{Dir: dir, NoListen: true},
					Sinks:  []sink.Sink{&recordingSink{name: "a"}},
				})
				if err == nil {
					t.Error(errors.Join(errors.New("open"), o.Close()))
				}
			})
		})
	}
}

// The start may be cancelled at any of its steps, while events are ended and messages are delivered.
func TestOpenIsStoppedAtAnyStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o := open(t, Options{
		Server: broker.Options{Dir: dir},
		Sinks:  []sink.Sink{&recordingSink{name: "a", refuse: func(sink.Message) error { return errors.New("down") }}},
	})
	for _, camera := range []string{"gate", "yard", "cellar"} {
		wholeEvent(t, o, camera)
		if err := o.Publish(alerttest.Within(t), alerttest.Event(camera, alerts.NewID(), 0,
			alerts.PhaseStart)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	failed := 0
	leaktest.None(t, func() {
		for n := 1; ; n += 1 + n/10 {
			ctx := leaktest.After(alerttest.Within(t), n)
			s := &recordingSink{name: "a"}
			o, err := Open(ctx, Options{
				Server: broker.Options{Dir: dir, NoListen: true}, Sinks: []sink.Sink{s},
				Reserve: 1 << 20,
			})
			if err != nil {
				failed++
				continue
			}
			if !ctx.Over() {
				err = o.Drain(alerttest.Within(t))
			}
			if err := errors.Join(err, o.Close()); err != nil {
				t.Error(err)
			}
			if !ctx.Over() {
				return
			}
		}
	})
	t.Logf("stopped at %d steps", failed)
	if failed < 10 {
		t.Errorf("it was stopped at %d steps only", failed)
	}
}

func writeObstacle(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// withStore runs do on the store of a closed outbox.
func withStore(t *testing.T, dir string, do func(context.Context, jetstream.JetStream) error) {
	t.Helper()
	s, err := broker.Start(alerttest.Within(t), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: s})
	if err == nil {
		err = errors.Join(do(alerttest.Within(t), c.JetStream()), c.Close())
	}
	if err := errors.Join(err, s.Shutdown()); err != nil {
		t.Fatal(err)
	}
}
