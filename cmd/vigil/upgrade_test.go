package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/archive"
	"vigil/alerts/instance"
	"vigil/alerts/olddata"
	"vigil/app"
	"vigil/config"
	"vigil/internal/alerttest"
)

// A data directory of each version is opened by this one: every alert, position, piece of evidence and word of a
// person is still there, the webhook gets what it did not have and nothing else, and the event that was open is ended.
func TestUpgrade(t *testing.T) {
	for name, made := range map[string]func(testing.TB, string) olddata.Dir{"version 1": olddata.Version1} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			upgrade(t, dir, made(t, dir))
		})
	}
}

func upgrade(t *testing.T, dir string, old olddata.Dir) {
	t.Helper()
	var mu sync.Mutex
	got := map[string][]string{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var m struct {
			Subject string `json:"subject"`
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		got[m.Subject] = append(got[m.Subject], r.Header.Get("webhook-id"))
	}))
	t.Cleanup(hook.Close)
	text := fmt.Sprintf(
		"data_dir: %s\nmodel: none\nnats: {embedded: {port: 0}}\nwebhook: {url: '%s'}\ncameras: [{name: yard, "+
			"source: 'rtsp://127.0.0.1/x'}]\n", dir, hook.URL)
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log alerttest.Log
	sinks, err := app.OpenSinks(ctx, cfg,
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sinks.Drain(ctx), sinks.Shutdown()); err != nil {
		t.Error(err)
	}
	wantGate := []string{old.Open + ":0", old.Open + ":1", old.Open + ":2"}
	if wantYard := []string{old.Ended + ":2"}; fmt.Sprint(got["yard"]) != fmt.Sprint(wantYard) ||
		fmt.Sprint(got["gate"]) != fmt.Sprint(wantGate) || len(got) != 2 {
		t.Errorf("the webhook got %v, want %v and %v", got, wantYard, wantGate)
	}
	for line := range strings.Lines(log.String()) {
		// no broker is there
		if !strings.Contains(line, "is closed") && !strings.Contains(line, "topics stay retained") {
			t.Errorf("the log has %s", line)
		}
	}

	local := func(args ...string) string {
		t.Helper()
		code, out, errs := runAlerts(ctx, append(args, "--local", "-c", file)...)
		if code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errs)
		}
		return out
	}
	lines := strings.Split(strings.TrimSpace(local("--since", "1h", "--follow=false", "--json")), "\n")
	if len(lines) != len(old.Messages)+1 {
		t.Fatalf("%d messages, want %d", len(lines), len(old.Messages)+1)
	}
	for i, m := range old.Messages {
		if lines[i] != m.Data {
			t.Errorf("message %d is\n%s, want\n%s", i+1, lines[i], m.Data)
		}
	}
	if last, err := alerts.Decode([]byte(lines[len(old.Messages)])); err != nil || last.ID != old.Open ||
		last.EndReason != alerts.EndCrashRecovered {
		t.Errorf("the last message is %s, %v, want the end of %s", lines[len(old.Messages)], err, old.Open)
	}
	var shown archive.Record
	if err := json.Unmarshal([]byte(local("show", old.Ended, "--json")), &shown); err != nil || shown.Ack == nil ||
		shown.Ack.By != old.By || !shown.Ack.Normal {
		t.Errorf("%v, acknowledged: %+v", err, shown.Ack)
	}
	if n := len(shown.Evidence); n != len(old.Evidence)+len(old.Training) {
		t.Errorf("%d pieces of evidence: %+v", n, shown.Evidence)
	}
	to := filepath.Join(t.TempDir(), "export")
	local("export", old.Ended, to)
	pieces := maps.Clone(old.Evidence)
	maps.Copy(pieces, old.Training)
	for name, want := range pieces {
		if data, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(data) != want {
			t.Errorf("%s holds %q, %v, want %q", name, data, err, want)
		}
	}
	for name, want := range map[string]string{
		instance.FileName: old.ID + "\n", "mqtt.json": old.Registry, instance.FormatFile: fmt.Sprintln(instance.Format),
	} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s holds %q, %v, want %q", name, data, err, want)
		}
	}
}

// What a newer version left is opened by no command, and the error names it.
func TestNewerDataDirIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	olddata.Version1(t, dir)
	newer := fmt.Sprintln(instance.Format + 1)
	if err := os.WriteFile(filepath.Join(dir, instance.FormatFile), []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(
		"data_dir: %s\nmodel: none\nnats: {embedded: {port: 0}}\ncameras: [{name: yard, source: "+
			"'rtsp://127.0.0.1/x'}]\n", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, args := range [][]string{
		{"run", "-c", file},
		{"config", "check", "-c", file},
		{"alerts", "--local", "-c", file, "--since", "1h", "--follow=false"},
		{"alerts", "show", "last", "--local", "-c", file},
		{"alerts", "export", "01M8MFDN9VGP4A709VNMPZH1P8", t.TempDir(), "--local", "-c", file},
		{"alerts", "ack", "01M8MFDN9VGP4A709VNMPZH1P8", "--local", "-c", file},
		{"outbox", "list", "-c", file},
		{"outbox", "retry", "--all", "-c", file},
		{"store", "check", "-c", file},
		{"store", "repair", "-c", file},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out, errs alerttest.Log
			if code := run(ctx, args, &out, &errs); code == exitDone ||
				!strings.Contains(errs.String(), "newer vigil") || !strings.Contains(errs.String(), dir) {
				t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
			}
		})
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := app.Connect(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), "newer vigil") {
		t.Errorf("replay: %v", err)
	}
	if after := tree(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the directory was changed: %v, before %v", after, before)
	}
}

// tree lists what is in a directory, with sizes and times.
func tree(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			found = append(found, fmt.Sprint(path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
