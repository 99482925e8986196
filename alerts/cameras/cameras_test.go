package cameras

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/capture/source"
	"vigil/internal/alerttest"
	"vigil/internal/docs"
)

const secret = "XYZZY"

// open starts a server on a data directory, which ends with the test or by the returned function.
func open(t *testing.T, dataDir string) (*Store, jetstream.JetStream, func()) {
	t.Helper()
	server, err := broker.Start(alerttest.Within(t), broker.Options{
		Dir:      filepath.Join(dataDir, "nats"),
		NoListen: true,
	})
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
	s, err := Open(alerttest.Within(t), conn.JetStream(), dataDir)
	if err != nil {
		t.Fatal(err)
	}
	return s, conn.JetStream(), stop
}

func entry(t *testing.T, camera, settings string) Entry {
	t.Helper()
	address, err := source.ParseAddress("rtsp://viewer:" + secret + "@10.0.0.7/stream")
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		Version: Version, Camera: camera, Settings: []byte(settings), Source: address, Change: "added", By: "cli",
		At: time.Now().UTC().Round(0),
	}
}

// Cameras survive a restart of the server with their changes, each replaces the revision that was seen, and no address
// is in a file of the directory.
func TestCamerasSurvive(t *testing.T) {
	dir := t.TempDir()
	s, _, stop := open(t, dir)
	gate := entry(t, "gate", `{"hop":1,"time_zone":"<Europe/Berlin>"}`)
	for i := range Journal + 4 {
		gate.Settings = fmt.Appendf(nil, `{"hop":%d}`, i+1)
		revision, err := s.Put(alerttest.Within(t), gate)
		if err != nil || revision <= gate.Revision {
			t.Fatalf("revision %d after %d: %v", revision, gate.Revision, err)
		}
		again, err := s.Put(alerttest.Within(t), gate) // as a retry would
		if err == nil {
			t.Errorf("the same revision was replaced twice, by %d", again)
		}
		gate.Revision = revision
	}
	for _, wrong := range []uint64{0, 1, gate.Revision + 1} {
		other := gate
		other.Revision = wrong
		if _, err := s.Put(alerttest.Within(t), other); !errors.Is(err, ErrStale) {
			t.Errorf("in place of revision %d: %v", wrong, err)
		}
		if err := s.Remove(alerttest.Within(t), other); !errors.Is(err, ErrStale) {
			t.Errorf("removed at revision %d: %v", wrong, err)
		}
	}
	yard := entry(t, "yard", `{}`)
	var err error
	if yard.Revision, err = s.Put(alerttest.Within(t), yard); err != nil {
		t.Fatal(err)
	}
	stop()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	s, _, _ = open(t, dir)
	all, err := s.Load(alerttest.Within(t))
	if err != nil || len(all) != 2 || all[0].Source != gate.Source || all[0].Revision != gate.Revision ||
		string(all[0].Settings) != string(gate.Settings) || all[1].Camera != "yard" {
		t.Fatalf("%+v, %v", all, err)
	}
	history, err := s.History(alerttest.Within(t), "gate")
	if err != nil || len(history) != Journal {
		t.Errorf("%d changes: %v", len(history), err)
	}
	gate.Change = "removed"
	if err := s.Remove(alerttest.Within(t), gate); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Load(alerttest.Within(t)); err != nil || len(all) != 1 {
		t.Errorf("after the removal there are %+v, %v", all, err)
	}
	if history, err := s.History(alerttest.Within(t), "gate"); err != nil || len(history) != 1 ||
		!history[0].Removed || history[0].Change != "removed" {
		t.Errorf("after the removal the journal is %+v, %v", history, err)
	}
	if revision, err := s.Put(alerttest.Within(t), entry(t, "gate", `{"hop":3}`)); err != nil || revision == 0 {
		t.Errorf("a removed camera is added again as %d, %v", revision, err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", all, all, all); strings.Contains(shown, secret) {
		t.Errorf("printed it is %s", shown)
	}
}

// Entries that are damaged, of another vigil or changed by somebody else are reported, hide no other one and can be
// replaced.
func TestUnusableEntries(t *testing.T) {
	dir := t.TempDir()
	s, js, stop := open(t, dir)
	ctx := alerttest.Within(t)
	gate := entry(t, "gate", `{"hop":4}`)
	if _, err := s.Put(ctx, gate); err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(ctx, alerts.CamerasBucket)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := kv.Get(ctx, "gate")
	if err != nil {
		t.Fatal(err)
	}
	text := string(stored.Value())
	for key, value := range map[string]string{
		"a": "{", "b": `{"version":9,"camera":"b"}`, "c": text,
		"d":    strings.Replace(text, `"gate"`, `"d"`, 1),
		"e":    strings.Replace(text, `"camera":"gate"`, `"camera":"e","other":1`, 1),
		"f":    strings.Repeat(" ", maxEntry+1),
		"yard": strings.Replace(strings.Replace(text, `"gate"`, `"yard"`, 1), `"hop":4`, `"hop":5`, 1),
	} {
		if _, err := kv.PutString(ctx, key, value); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Load(ctx)
	if err != nil || len(all) != 8 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, e := range all {
		if (e.Err == nil) != (e.Camera == "gate") || e.Revision == 0 {
			t.Errorf("%+v", e)
		}
	}
	yard := entry(t, "yard", `{}`)
	yard.Revision = all[len(all)-1].Revision
	if _, err := s.Put(ctx, yard); err != nil {
		t.Errorf("one that cannot be used is not replaced: %v", err)
	}
	stop()
	if err := os.Remove(filepath.Join(dir, KeyFile)); err != nil {
		t.Fatal(err)
	}
	s, _, _ = open(t, dir)
	if all, err = s.Load(ctx); err != nil || len(all) != 8 || all[6].Camera != "gate" ||
		!errors.Is(all[6].Err, errNoKey) {
		t.Errorf("without the key there are %+v, %v", all, err)
	}
	if _, err := s.Put(ctx, entry(t, "new", `{}`)); !errors.Is(err, errNoKey) {
		t.Errorf("a new key takes the place of a lost one: %v", err)
	}
	for _, e := range all {
		if err := s.Remove(ctx, Entry{
			Version: Version, Camera: e.Camera, Change: "removed", By: "cli", At: time.Now(), Revision: e.Revision,
		}); err != nil {
			t.Fatalf("%s: %v", e.Camera, err)
		}
	}
	if _, err := s.Put(ctx, entry(t, "new", `{}`)); err != nil {
		t.Errorf("when nothing is sealed with it: %v", err)
	}
}

// A full bucket forgets earlier changes, not cameras.
func TestFullBucket(t *testing.T) {
	s, _, _ := open(t, t.TempDir())
	settings := `{"x":"` + strings.Repeat("y", MaxSettings-100) + `"}`
	revisions := map[string]uint64{}
	for i := range StoreBytes/MaxSettings + 40 {
		e := entry(t, fmt.Sprintf("c%d", i%30), settings)
		e.Revision = revisions[e.Camera]
		revision, err := s.Put(alerttest.Within(t), e)
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		revisions[e.Camera] = revision
	}
	if all, err := s.Load(alerttest.Within(t)); err != nil || len(all) != 30 || all[0].Err != nil {
		t.Errorf("%d cameras, %v", len(all), err)
	}
}

// docs/formats describes every field of an entry.
func TestFormatIsDocumented(t *testing.T) {
	docs.CheckVersion(t, "cameras.md", Version)
	docs.CheckFields(t, "cameras.md", "", reflect.TypeFor[Entry]())
}
