package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/app"
	"vigil/config"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// While the configured server is away what happened is read from this machine, from the vigil that runs and from its
// store when none does.
func TestAlertsReadsTheStoreOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(
		"data_dir: %s\nnats: {url: 'nats://127.0.0.1:%d'}\ncameras: [{name: yard, source: 'rtsp://127.0.0.1/x'}]\n",
		filepath.Join(dir, "data"), natstest.FreePort(t))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	history := func(want ...alerts.Alert) {
		t.Helper()
		code, out, errs := runAlerts(t.Context(), "--local", "-c", file, "--since", "1h", "--follow=false", "--json")
		if code != exitDone || strings.Count(out, "\n") != len(want) {
			t.Fatalf("exit code %d, %d lines of %d: %s", code, strings.Count(out, "\n"), len(want), errs)
		}
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if !strings.Contains(line, want[i].MessageID()) {
				t.Errorf("message %d is %s, want %s", i, line, want[i].MessageID())
			}
		}
	}
	if code, _, errs := runAlerts(t.Context(), "--local", "-c", file); code != exitFailed ||
		!strings.Contains(errs, "no alerts are kept in") {
		t.Errorf("without a store: exit code %d: %s", code, errs)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	start, end := sampleAlert(alerts.PhaseStart), sampleAlert(alerts.PhaseEnd)
	start.Camera, end.Camera, end.ID = "yard", "yard", start.ID

	sinks, err := app.OpenSinks(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := sinks.Publish(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	history(start)
	ctx, stop := context.WithCancel(t.Context())
	var out, errs alerttest.Log
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"alerts", "--local", "-c", file, "--since", "1h"}, &out, &errs) }()
	lines := func(n int) {
		t.Helper()
		for began := time.Now(); strings.Count(out.String(), "\n") < n; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Fatalf("%d lines did not come: %s%s", n, out.String(), errs.String())
			}
		}
	}
	lines(1)
	// A restart of the server, as after a full disk, ends nothing.
	if err := sinks.Server().Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sinks.Publish(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	lines(2)
	stop()
	if c := <-code; c != exitDone {
		t.Errorf("exit code %d: %s", c, errs.String())
	}
	if err := sinks.Shutdown(); err != nil {
		t.Fatal(err)
	}

	history(start, end)
	if code, out, errs := runAlerts(t.Context(), "ack", start.ID, "--local", "-c", file, "--by",
		"Ann"); code != exitDone {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	c, stdout, stderr := runAlerts(t.Context(), "--local", "-c", file, "--since", "1h")
	if c != exitDone || strings.Count(stdout, "\n") != 2 || !strings.Contains(stderr, "no vigil runs") {
		t.Errorf("exit code %d: %s%s", c, stdout, stderr)
	}
	// The store is free for the next vigil.
	if sinks, err = app.OpenSinks(t.Context(), cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := sinks.Shutdown(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--local", "--server", "nats://x"}, {"--local", "--creds", "x"}} {
		if code, _, errs := runAlerts(t.Context(), args...); code != exitUsage || !strings.Contains(errs, "not both") {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}
