//go:build cgo && gocv_videoio

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
)

// A camera that is watched alone by its name leaves what is announced of the others: they are configured all the same.
// Nothing can be switched over the broker unless the configuration says so.
func TestOneNamedCameraKeepsOthersAnnounced(t *testing.T) {
	mqtt := natstest.Mosquitto(t, natstest.FreePort(t), "allow_anonymous true")
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "vigil.yaml"), fmt.Sprintf(`
data_dir: data
model: %s
nats: {embedded: {port: 0}}
mqtt: {url: "tcp://127.0.0.1:%d"}
cameras:
  - {name: gate, source: "rtsp://127.0.0.1:1/gate"}
  - {name: yard, source: "rtsp://127.0.0.1:1/yard"}
`, cameratest.ZeroWeights(t), mqtt.Port))
	var before string
	for _, args := range [][]string{{"run", "-c", file}, {"run", "gate", "-c", file}} {
		ctx, stop := context.WithCancel(t.Context())
		var log alerttest.Log
		code := make(chan int, 1)
		go func() { code <- run(ctx, args, io.Discard, &log) }()
		for began := time.Now(); !strings.Contains(log.String(), "connected to MQTT"); time.Sleep(
			10 * time.Millisecond) {
			if time.Since(began) > alerttest.LongWait {
				t.Errorf("%v: no connection to the broker:\n%s", args, log.String())
				break
			}
		}
		stop()
		if code := <-code; code != exitDone {
			t.Fatalf("%v: exit code %d:\n%s", args, code, log.String())
		}
		text, err := os.ReadFile(filepath.Join(dir, "data", "mqtt.json"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "camera=yard") != (len(args) == 3) {
			t.Errorf("%v watches:\n%s", args, log.String())
		}
		if strings.Contains(string(text), "/enabled") || strings.Contains(string(text), "/snooze") {
			t.Errorf("%v: switches are announced:\n%s", args, text)
		}
		if !strings.Contains(string(text), "vigil/yard/state") || before != "" && before != string(text) {
			t.Errorf("%v: retained are\n%s", args, text)
		}
		before = string(text)
	}
}
