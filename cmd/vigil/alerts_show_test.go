package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/broker"
	"vigil/alerts/evidence"
	"vigil/internal/natstest"
)

// serveStoredAlert is a server that has one whole alert with a snapshot and a clip, and others around it.
func serveStoredAlert(t *testing.T) (url string, js jetstream.JetStream, a alerts.Alert) {
	t.Helper()
	server, err := broker.Start(t.Context(), broker.Options{
		Dir: t.TempDir(), Port: -1,
		Accounts: []broker.Account{clerk},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := broker.Dial(t.Context(), broker.DialOptions{Server: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), server.Shutdown()); err != nil {
			t.Error(err)
		}
	})
	objects, err := evidence.OpenObjects(t.Context(), conn.JetStream(), evidence.Limits{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	start, end := sampleAlert(alerts.PhaseStart), sampleAlert(alerts.PhaseEnd)
	end.ID = start.ID
	for name, media := range map[string]string{
		"/snapshot-25.jpg": "image/jpeg", "/clip-0.mp4": "video/mp4",
		"/model-input-0.mkv": "video/x-matroska",
	} {
		if err := objects.Put(t.Context(), start.ID+name, media, []byte("contents of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []alerts.Alert{sampleAlert(alerts.PhaseStart), start, sampleAlert(alerts.PhaseEnd), end} {
		if err := conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	return server.URL(), conn.JetStream(), end
}

func TestAlertsShow(t *testing.T) {
	url, _, a := serveStoredAlert(t)
	code, out, errs := runAlerts(t.Context(), "show", a.ID, "--server", url)
	for _, want := range []string{
		a.ID, "yard", "gate", "calm", "messages     2", "clip-0.mp4", "video/mp4",
		"23 bytes",
	} {
		if code != exitDone || !strings.Contains(out, want) {
			t.Fatalf("exit code %d, %q is missing: %s\n%s", code, want, errs, out)
		}
	}
	code, out, errs = runAlerts(t.Context(), "show", a.ID, "--server", url, "--json")
	var d archive.Record
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitDone || len(d.Messages) != 2 ||
		len(d.Evidence) != 3 || d.Ack != nil {
		t.Errorf("exit code %d, %v: %s\n%s", code, err, errs, out)
	}
	for _, e := range d.Evidence {
		if want := evidence.Digest([]byte("contents of " + strings.TrimPrefix(e.Name, a.ID))); e.SHA256 != want {
			t.Errorf("%s has digest %s, want %s", e.Name, e.SHA256, want)
		}
	}
	for id, want := range map[string]int{alerts.NewID(): exitFailed, "-": exitUsage} {
		if code, _, errs := runAlerts(t.Context(), "show", id, "--server", url); code != want ||
			!strings.Contains(errs, id) {
			t.Errorf("%s: exit code %d: %s", id, code, errs)
		}
	}
}

func TestAlertsExport(t *testing.T) {
	url, _, a := serveStoredAlert(t)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if code, _, errs := runAlerts(t.Context(), "export", a.ID, dir, "--server", url); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, name := range []string{"snapshot-25.jpg", "clip-0.mp4", "model-input-0.mkv"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != "contents of /"+name {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	var d archive.Record
	text, err := os.ReadFile(filepath.Join(dir, "alert.json"))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil || len(d.Messages) != 2 {
		t.Errorf("%v: %s", err, text)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Errorf("in the folder are %v, %v", left, err)
	}
}

func TestAlertsAck(t *testing.T) {
	asClerk(t)
	url, js, a := serveStoredAlert(t)
	if code, _, errs := runAlerts(t.Context(), "ack", a.ID, "--server", url, "--by", "Ann"); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	kv, err := js.KeyValue(t.Context(), alerts.AcksBucket)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := kv.Get(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := alerts.DecodeAck(entry.Value()); err != nil || ack.By != "Ann" || ack.Normal ||
		ack.Camera != "yard" {
		t.Errorf("%+v, %v", ack, err)
	}
	code, out, errs := runAlerts(t.Context(), "ack", a.ID, "--server", url, "--by", "Bob", "--normal")
	if code != exitDone || !strings.Contains(out, "1 clip stored") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	// The model's input stays when evidence is deleted, and is shown; the clip for people is not used for training.
	objects, err := evidence.OpenObjects(t.Context(), js, evidence.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := objects.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	data, err := evidence.NewReader(js).Read(t.Context(), alerts.TrainingBucket, a.ID+"/model-input-0.mkv")
	if err != nil || string(data) != "contents of /model-input-0.mkv" {
		t.Errorf("%q, %v", data, err)
	}
	_, out, _ = runAlerts(t.Context(), "show", a.ID, "--server", url)
	if !strings.Contains(out, "Bob") || !strings.Contains(out, "normal, 1 clip stored") ||
		strings.Contains(out, "clip-0.mp4") ||
		!strings.Contains(out, "model-input-0.mkv") {
		t.Errorf("shown is\n%s", out)
	}
}

func TestAlertsHistoryEnds(t *testing.T) {
	url, _, a := serveStoredAlert(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code, out, errs := runAlerts(ctx, "--server", url, "--since", "1h", "--follow=false", "--json")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != exitDone || len(lines) != 4 ||
		!strings.Contains(lines[3], a.ID) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	code, out, errs = runAlerts(ctx, "--server", url, "--since", "1h", "--follow=false", "--camera", "nobody")
	if code != exitDone || out != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// The configuration names the server, with what it asks for.
func TestAlertsTakesTheServerFromTheConfiguration(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Launch(t, port, "authorization: {user: u, password: s3cret}\n"+natstest.JetStreamIn(t.TempDir()))
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := "nats: {url: 'nats://127.0.0.1:" + strings.TrimPrefix(":"+strconv.Itoa(port), ":") +
		"', user: u, password: s3cret}\ncameras: [{name: a, source: 'rtsp://127.0.0.1/x'}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runAlerts(t.Context(), "-c", file, "--since", "1h", "--follow=false"); code != exitDone {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, _ := runAlerts(t.Context(), "-c", file, "--server", "nats://x"); code != exitUsage {
		t.Errorf("two servers: exit code %d", code)
	}
}

// clerk is the account of those who acknowledge over TCP; asClerk has the commands log in with it.
var clerk = broker.Account{Name: "clerk", Password: "c1erk", Rights: broker.Write}

func asClerk(t *testing.T) {
	t.Helper()
	t.Setenv("NATS_USER", clerk.Name)
	t.Setenv("NATS_PASSWORD", clerk.Password)
}

// Without an account nothing is acknowledged over TCP, and the command says what would help.
func TestAckNeedsAnAccount(t *testing.T) {
	url, _, end := serveStoredAlert(t)
	if code, _, errs := runAlerts(t.Context(), "ack", end.ID, "--server", url); code != exitFailed ||
		!strings.Contains(errs, "--local") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
