package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/app"
	"vigil/config"
	"vigil/internal/alerttest"
)

// The store is checked while vigil runs and when it does not, and repaired only when it does not.
func TestStoreCheckAndRepair(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(
		"data_dir: %s\nnats: {embedded: {port: 0}}\ncameras: [{name: yard, source: 'rtsp://127.0.0.1/x'}]\n",
		filepath.Join(dir, "data"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	vigil := func(want int, text string, args ...string) {
		t.Helper()
		var out, errs alerttest.Log
		code := run(t.Context(), append(args, "-c", file), &out, &errs)
		if output := out.String() + errs.String(); code != want || !strings.Contains(output, text) {
			t.Errorf("vigil %v: exit code %d, want %d and %q: %s", args, code, want, text, output)
		}
	}
	vigil(exitFailed, "no alerts are kept in", "store", "check")
	sinks, err := app.OpenSinks(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	start, end := sampleAlert(alerts.PhaseStart), sampleAlert(alerts.PhaseEnd)
	start.Camera, end.Camera, end.ID = "yard", "yard", start.ID
	for _, a := range []alerts.Alert{start, end} {
		if err := sinks.Publish(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	vigil(exitDone, "nothing is damaged", "store", "check")
	vigil(exitFailed, "another vigil uses it", "store", "repair")
	if err := sinks.Shutdown(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(dir, "data", "nats", "jetstream", "$G", "streams", "VIGIL_ALERTS", "msgs", "1.blk")
	data, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(dir, "backup", "VIGIL_ALERTS", "msgs", "1.blk")
	if err := os.MkdirAll(filepath.Dir(backup), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup, data, 0o600); err != nil {
		t.Fatal(err)
	}
	data[bytes.LastIndex(data, []byte(end.ID))] ^= 1
	if err := os.WriteFile(block, data, 0o600); err != nil {
		t.Fatal(err)
	}
	vigil(exitFailed, "VIGIL_ALERTS: 1 missing (2)", "store", "check")
	if now, err := os.ReadFile(block); err != nil || !bytes.Equal(now, data) {
		t.Errorf("a check has changed the block: %v", err)
	}
	// Reading on this machine sets aside what the server would cut off, and says so.
	vigil(exitDone, "the store was damaged", "alerts", "list", "--local")
	if kept, err := filepath.Glob(filepath.Join(dir, "data", "nats", "damaged", "*", "VIGIL_ALERTS", "msgs",
		"1.blk")); err != nil || len(kept) != 1 {
		t.Errorf("kept aside are %v, %v", kept, err)
	} else if now, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(now, data) {
		t.Errorf("what is kept is not the damaged block: %v", err)
	}
	vigil(exitDone, "1 alerts restored: 2", "store", "repair", "--from", filepath.Join(dir, "backup"))
	vigil(exitDone, "nothing is damaged", "store", "check")
	vigil(exitDone, start.ID[:12], "alerts", "list", "--local")
}
