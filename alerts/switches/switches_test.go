package switches

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/internal/alerttest"
)

// open starts a server on a directory, which ends with the test or by the returned function.
func open(t *testing.T, dir string) (*Store, *broker.Conn, func()) {
	t.Helper()
	server, err := broker.Start(alerttest.Within(t), broker.Options{Dir: dir, NoListen: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			_ = conn.Close()
			_ = server.Shutdown()
		}
	}
	t.Cleanup(stop)
	s, err := Open(alerttest.Within(t), conn.JetStream())
	if err != nil {
		t.Fatal(err)
	}
	return s, conn, stop
}

func change(t *testing.T, s alerts.Switches, c alerts.SwitchChange, by string) alerts.Switches {
	t.Helper()
	s, err := s.With(c, by, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Switches survive a restart of the server, with their last changes.
func TestSwitchesSurvive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, _, stop := open(t, dir)
	gate := alerts.Switches{Camera: "gate"}
	for i := range Journal + 4 {
		gate = change(t, gate, alerts.SwitchChange{Action: alerts.ActionPause}, "cli")
		if i%2 == 1 {
			gate = change(t, gate, alerts.SwitchChange{Action: alerts.ActionResume}, "mqtt")
		}
		if err := s.Put(alerttest.Within(t), gate); err != nil {
			t.Fatal(err)
		}
	}
	yard := change(t, alerts.Switches{Camera: "yard"},
		alerts.SwitchChange{Action: alerts.ActionSnooze, Until: time.Now().Add(time.Hour)}, "cli")
	if err := s.Put(alerttest.Within(t), yard); err != nil {
		t.Fatal(err)
	}
	stop()

	s, _, _ = open(t, dir)
	all, unusable, err := s.Load(alerttest.Within(t))
	if err != nil || len(unusable) > 0 || len(all) != 2 {
		t.Fatalf("%+v, %v, %v", all, unusable, err)
	}
	if g := all["gate"]; g.Paused || g.By != "mqtt" || g.Change != "resume" {
		t.Errorf("gate is %+v", g)
	}
	if y := all["yard"]; y.SnoozedUntil == nil || !y.SnoozedUntil.Equal(*yard.SnoozedUntil) {
		t.Errorf("yard is %+v, was %+v", y, yard)
	}
	history, err := s.History(alerttest.Within(t), "gate")
	if err != nil || len(history) != Journal || !history[Journal-2].Paused || history[Journal-1].Paused {
		t.Errorf("%d changes: %+v, %v", len(history), history, err)
	}
	if none, err := s.History(alerttest.Within(t), "barn"); err != nil || len(none) != 0 {
		t.Errorf("of a camera without entries: %v, %v", none, err)
	}
	if _, err := s.History(alerttest.Within(t), "*"); err == nil {
		t.Error("the history of * was read")
	}
}

// Entries that are damaged or unknown are reported and hide no other one.
func TestUnusableEntries(t *testing.T) {
	s, conn, _ := open(t, filepath.Join(t.TempDir(), "store"))
	ctx := alerttest.Within(t)
	kv, err := conn.JetStream().KeyValue(ctx, alerts.SwitchesBucket)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"a": "{", "b": `{"version":9,"camera":"b"}`, "c": `{"version":1,"camera":"a"}`, "d.e": "{}",
		"f": strings.Repeat(" ", 5<<10),
	} {
		if _, err := kv.PutString(ctx, key, value); err != nil {
			t.Fatal(err)
		}
	}
	gate := change(t, alerts.Switches{Camera: "gate"}, alerts.SwitchChange{Action: alerts.ActionDetectionOff}, "cli")
	if err := s.Put(ctx, gate); err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(ctx, "gone", "x"); err != nil {
		t.Fatal(err)
	}
	if err := kv.Delete(ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	all, unusable, err := s.Load(ctx)
	if err != nil || len(all) != 1 || !all["gate"].DetectionOff {
		t.Errorf("%+v, %v", all, err)
	}
	var keys []string
	for _, u := range unusable {
		keys = append(keys, u.Key)
	}
	if got := strings.Join(keys, " "); got != "a b c d.e f" {
		t.Errorf("unusable are %s", got)
	}
}

// The bucket is created again if another program has deleted it, and has its configuration.
func TestBucketIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, conn, _ := open(t, dir)
	ctx := alerttest.Within(t)
	if err := conn.JetStream().DeleteKeyValue(ctx, alerts.SwitchesBucket); err != nil {
		t.Fatal(err)
	}
	gate := change(t, alerts.Switches{Camera: "gate"}, alerts.SwitchChange{Action: alerts.ActionPause}, "cli")
	if err := s.Put(ctx, gate); err != nil {
		t.Fatal(err)
	}
	all, _, err := s.Load(ctx)
	if err != nil || !all["gate"].Paused {
		t.Errorf("%+v, %v", all, err)
	}
	stream, err := conn.JetStream().Stream(ctx, "KV_"+alerts.SwitchesBucket)
	if err != nil {
		t.Fatal(err)
	}
	if c := stream.CachedInfo().Config; c.MaxMsgsPerSubject != Journal || c.MaxBytes != StoreBytes ||
		c.Storage != jetstream.FileStorage {
		t.Errorf("the bucket has %+v", c)
	}
}

// An account with the right to read, and a client without an account, neither read nor write the bucket.
func TestStrangersAreRefused(t *testing.T) {
	for name, dial := range map[string]broker.DialOptions{
		"without an account": {}, "with rights to read": {User: "look", Password: "look"},
	} {
		t.Run(name, func(t *testing.T) {
			server, err := broker.Start(alerttest.Within(t), broker.Options{
				Dir: filepath.Join(t.TempDir(), "store"), Port: -1,
				Accounts: []broker.Account{{Name: "look", Password: "look", Rights: broker.Read}},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = server.Shutdown() })
			own, err := broker.Dial(alerttest.Within(t), broker.DialOptions{Server: server})
			if err != nil {
				t.Fatal(err)
			}
			defer own.Close()
			s, err := Open(alerttest.Within(t), own.JetStream())
			if err != nil {
				t.Fatal(err)
			}
			gate := change(t, alerts.Switches{Camera: "gate"}, alerts.SwitchChange{Action: alerts.ActionPause}, "cli")
			if err := s.Put(alerttest.Within(t), gate); err != nil {
				t.Fatal(err)
			}
			dial.URL = server.URL()
			other, err := broker.Dial(alerttest.Within(t), dial)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			ctx, release := other.WithConnErrors(alerttest.Within(t), "$KV.", "$JS.API.")
			defer release()
			if kv, err := other.JetStream().KeyValue(ctx, alerts.SwitchesBucket); err == nil {
				t.Errorf("the bucket was opened: %v", kv.Bucket())
			}
			_, err = other.JetStream().Publish(ctx, "$KV."+alerts.SwitchesBucket+".gate", []byte("{}"))
			if err == nil || !broker.Denied(context.Cause(ctx)) {
				t.Errorf("publish: %v, %v", err, context.Cause(ctx))
			}
			all, unusable, err := s.Load(alerttest.Within(t))
			if err != nil || len(unusable) > 0 || !all["gate"].Paused {
				t.Errorf("afterwards %+v, %v, %v", all, unusable, err)
			}
		})
	}
}

const storeDir = "VIGIL_TEST_SWITCHES"

// TestPutAndDie is the process that TestSwitchesSurviveKill kills.
func TestPutAndDie(t *testing.T) {
	dir := os.Getenv(storeDir)
	if dir == "" {
		return
	}
	s, _, _ := open(t, dir)
	gate := change(t, alerts.Switches{Camera: "gate"}, alerts.SwitchChange{Action: alerts.ActionPause}, "cli")
	if err := s.Put(alerttest.Within(t), gate); err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Kill()
	select {}
}

// What Put has returned survives a kill.
func TestSwitchesSurviveKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cmd := exec.CommandContext(alerttest.Within(t), os.Args[0], "-test.run", "^TestPutAndDie$")
	cmd.Env = append(os.Environ(), storeDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "FAIL") {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	s, _, _ := open(t, dir)
	all, _, err := s.Load(alerttest.Within(t))
	if err != nil || !all["gate"].Paused {
		t.Errorf("%+v, %v", all, err)
	}
}
