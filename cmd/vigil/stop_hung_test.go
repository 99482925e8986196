//go:build linux && cgo && gocv_videoio

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
	"vigil/internal/rtsptest"
)

// All the servers that alerts go to hang at once, in the middle of a delivery. The program ends in time all the same,
// and well, since every alert is on this disk.
func TestStopWhileEveryRemoteHangs(t *testing.T) {
	camera := rtsptest.Start(t, rtsptest.Options{Launch: flashingCamera(t)})
	nats := natstest.Launch(t, natstest.FreePort(t), natstest.JetStreamIn(t.TempDir()))
	mqtt := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous true")
	dir := filepath.Join(t.TempDir(), "data")
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats: {url: "nats://127.0.0.1:%d"}
mqtt: {url: "tcp://127.0.0.1:%d"}
webhook: {url: "http://%s/hook"}
evidence: {before: 1s, after: 0s}
defaults: {open_timeout: 60s, read_timeout: 60s}
cameras:
  - name: flashes
    source: %s
    threshold: {lo: 0.1, theta: 0.3}
    detector: {open_after: 100ms, close_after: 100ms, cool_down: 0s}
`, dir, cameratest.ZeroWeights(t), nats.Port, mqtt.Port, cameratest.Silent(t), camera.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr alerttest.Log
	cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file, "--summary", "200ms")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	events := func(more int) {
		t.Helper()
		want := counter(stderr.String(), "flashes", "events") + more
		for began := time.Now(); counter(stderr.String(), "flashes", "events") < want; time.Sleep(
			20 * time.Millisecond) {
			if time.Since(began) > alerttest.LongWait {
				t.Fatalf("there are no events:\n%s", stderr.String())
			}
		}
	}
	events(1)
	for _, p := range []*natstest.Process{nats, mqtt} {
		p.Signal(t, syscall.SIGSTOP)
	}
	events(2)
	send(t, cmd.Process, syscall.SIGTERM)
	if err := cmd.Wait(); err != nil || strings.Contains(stderr.String(), "not everything ended") {
		t.Errorf("%v:\n%s", err, stderr.String())
	}
	if n := wholeEvents(t, filepath.Join(dir, "nats")); n < 3 {
		t.Errorf("%d events are in the store, want 3 or more", n)
	}
}
