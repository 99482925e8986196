//go:build cgo && gocv_videoio && unix

package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/app"
	"vigil/config"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
)

// remote is Debian's nats-server with a user u for vigil and a user admin who may do everything.
type remote struct {
	t    *testing.T
	p    *natstest.Process
	port int
	dir  string
}

func (r *remote) start(permissions string, streams bool) {
	r.t.Helper()
	if r.p != nil {
		r.p.Kill()
	}
	text := fmt.Sprintf(
		"authorization: {users: [{user: u, password: s3cret, permissions: {%s}}, {user: admin, password: s3cret}]}\n",
		permissions)
	if streams {
		text += natstest.JetStreamIn(r.dir)
	}
	r.p = natstest.Launch(r.t, r.port, text)
}

func (r *remote) admin(do func(ctx context.Context, js jetstream.JetStream) error) {
	r.t.Helper()
	nc, err := nats.Connect(fmt.Sprintf("nats://admin:s3cret@127.0.0.1:%d", r.port))
	if err != nil {
		r.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err == nil {
		ctx, cancel := context.WithTimeout(r.t.Context(), alerttest.LongWait)
		defer cancel()
		err = do(ctx, js)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// stream makes the operator's stream, or changes it.
func (r *remote) stream(c jetstream.StreamConfig) {
	r.t.Helper()
	c.Name = broker.Stream
	r.admin(func(ctx context.Context, js jetstream.JetStream) error {
		_, err := js.CreateOrUpdateStream(ctx, c)
		return err
	})
}

const publishAll = `publish: ">"`

// Every refusal of a server is reported by config check and logged, and retried until the server accepts: then every
// alert arrives, in its order.
func TestRefusalsAreLoggedAndRecoveredFrom(t *testing.T) {
	all := []string{alerts.AllAlerts}
	for name, c := range map[string]struct {
		refuse, repair func(r *remote)
		check, log     string
	}{
		"no JetStream": {
			func(r *remote) { r.start(publishAll, false) },
			func(r *remote) { r.start(publishAll, true) },
			"JetStream is off", "JetStream is off",
		},
		"no permission": {
			func(r *remote) { r.start(`publish: {deny: "vigil.alerts.>"}`, true) },
			func(r *remote) { r.start(publishAll, true) },
			"allow this user to publish", "allow this user to publish",
		},
		"no permission for this camera": {
			func(r *remote) { r.start(`publish: ["vigil.alerts.gate.>", "$JS.>", "_INBOX.>"]`, true) },
			func(r *remote) { r.start(`publish: ["vigil.alerts.yard.>", "$JS.>", "_INBOX.>"]`, true) },
			"vigil.alerts.yard.start", "allow this user to publish",
		},
		"no stream, and not allowed to make one": {
			func(r *remote) { r.start(`publish: {deny: "$JS.API.STREAM.CREATE.>"}`, true) },
			func(r *remote) { r.stream(jetstream.StreamConfig{Subjects: all}) },
			"allow this user to publish to $JS.API", "allow this user to publish to $JS.API",
		},
		"a stream of something else": {
			func(r *remote) {
				r.start(publishAll, true)
				r.stream(jetstream.StreamConfig{Subjects: []string{"vigil.alerts.gate.>"}})
			},
			func(r *remote) { r.stream(jetstream.StreamConfig{Subjects: all}) },
			"add that subject", "add that subject",
		},
		"a stream that is full": {
			func(r *remote) {
				r.start(publishAll, true)
				r.stream(jetstream.StreamConfig{Subjects: all, MaxMsgs: 1, Discard: jetstream.DiscardNew})
				r.admin(func(ctx context.Context, js jetstream.JetStream) error {
					_, err := js.Publish(ctx, "vigil.alerts.x.start", nil)
					return err
				})
			},
			func(r *remote) { r.stream(jetstream.StreamConfig{Subjects: all}) },
			"", "maximum messages exceeded",
		},
		"too slow": {
			func(r *remote) {
				r.start(publishAll, true)
				r.p.Signal(r.t, syscall.SIGSTOP)
			},
			func(r *remote) { r.p.Signal(r.t, syscall.SIGCONT) },
			"no answer in time", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &remote{t: t, port: natstest.FreePort(t), dir: t.TempDir()}
			c.refuse(r)
			dir := t.TempDir()
			file := write(t, filepath.Join(dir, "vigil.yaml"), fmt.Sprintf(
				"data_dir: %s\nmodel: %s\nnats: {url: 'nats://127.0.0.1:%d', user: u, password: s3cret}\ncameras: "+
					"[{name: yard, source: 'rtsp://127.0.0.1/x'}]\n",
				filepath.Join(dir, "data"), cameratest.ZeroWeights(t), r.port))
			if code, out, errs := runVigil(t, "config", "check", "-c", file); !strings.Contains(errs, c.check) ||
				(code == exitDone) != (c.check == "") || strings.Contains(errs, "s3cret") {
				t.Errorf("config check: exit code %d, want %q in %s%s", code, c.check, out, errs)
			}
			cfg, err := config.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			var log alerttest.Log
			sinks, err := app.OpenSinks(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			want := publishMany(t, sinks, 3)
			logged := func(text string) {
				t.Helper()
				for began := time.Now(); !strings.Contains(log.String(), text); time.Sleep(20 * time.Millisecond) {
					if time.Since(began) > alerttest.LongWait {
						t.Fatalf("the log never says %q:\n%s", text, log.String())
					}
				}
			}
			logged("not delivered yet, retrying")
			logged(c.log)
			c.repair(r)
			ctx, cancel := context.WithTimeout(t.Context(), alerttest.LongWait)
			defer cancel()
			if err := sinks.Drain(ctx); err != nil {
				t.Errorf("%v\n%s", err, log.String())
			}
			logged("delivered again")
			if err := sinks.Shutdown(); err != nil {
				t.Error(err)
			}
			if strings.Contains(log.String(), "s3cret") {
				t.Error("the log has the password")
			}
			if got := r.arrived(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("arrived %v\nwant    %v", got, want)
			}
		})
	}
}

// publishMany publishes whole events, and gives the ids of their messages.
func publishMany(t *testing.T, d *app.Sinks, events int) []string {
	t.Helper()
	var ids []string
	for range events {
		id := alerts.NewID()
		for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseEnd} {
			a := sampleAlert(phase)
			a.Camera, a.ID, a.Seq = "yard", id, seq
			if err := d.Publish(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, a.MessageID())
		}
	}
	return ids
}

// arrived gives the ids of a camera's messages in the order in which they are stored there, repeats included.
func (r *remote) arrived() []string {
	r.t.Helper()
	var ids []string
	r.admin(func(ctx context.Context, js jetstream.JetStream) error {
		s, err := js.Stream(ctx, broker.Stream)
		if err != nil {
			return err
		}
		state := s.CachedInfo().State
		for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
			m, err := s.GetMsg(ctx, seq)
			if err != nil {
				return err
			}
			if id := m.Header.Get(jetstream.MsgIDHeader); id != "" {
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids
}
