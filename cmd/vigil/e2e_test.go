//go:build cgo && gocv_videoio

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/evidence"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
	"vigil/internal/rtsptest"
)

// connectPlain is a client that knows nothing of vigil.
func connectPlain(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// The whole program, from a configuration file, on a camera of an independent RTSP server that dies and comes back.
func TestRunWatchesAnRTSPCamera(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	port := natstest.FreePort(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats:
  embedded:
    port: %d
cameras:
  - name: yard
    source: %s
    fps: 10
    hop: 4
    threshold: {lo: 0.000001, theta: 0.00001}
    read_timeout: 1s
    reconnect: {min: 100ms, max: 500ms}
    zones:
      - name: everywhere
        polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]
`, filepath.Join(dir, "data"), cameratest.ZeroWeights(t), port, server.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	nc := connectPlain(t, fmt.Sprintf("nats://127.0.0.1:%d", port))
	scores := make(chan *nats.Msg, 1000)
	events := make(chan *nats.Msg, 1000)
	for subject, ch := range map[string]chan *nats.Msg{"vigil.scores.yard": scores, "vigil.alerts.>": events} {
		if _, err := nc.ChanSubscribe(subject, ch); err != nil {
			t.Fatal(err)
		}
	}

	ctx, stop := context.WithCancel(t.Context())
	var stderr alerttest.Log
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"run", "-c", file}, &stderr, &stderr) }()
	next := func(what string, ch chan *nats.Msg) *nats.Msg {
		t.Helper()
		select {
		case m := <-ch:
			return m
		case c := <-code:
			t.Fatalf("vigil ended with code %d while a test waited for %s:\n%s", c, what, stderr.String())
		case <-time.After(alerttest.LongWait):
			t.Fatalf("no %s came:\n%s", what, stderr.String())
		}
		return nil
	}

	first, err := alerts.DecodeScore(next("score", scores).Data)
	if err != nil || first.Error <= 0 || first.Camera != "yard" {
		t.Fatalf("score %+v, %v", first, err)
	}
	start, err := alerts.Decode(next("alert", events).Data)
	if err != nil || start.Phase != alerts.PhaseStart || start.Source.Width != 320 || len(start.Zones) != 1 {
		t.Fatalf("alert %+v, %v", start, err)
	}

	server.Stop()
	lost := start
	for lost.Phase != alerts.PhaseEnd {
		if lost, err = alerts.Decode(next("end of the alert", events).Data); err != nil {
			t.Fatal(err)
		}
	}
	if lost.ID != start.ID || lost.EndReason != alerts.EndSourceLost {
		t.Errorf("the alert ended as %+v, want with its source", lost)
	}
	checkComplete(t, lost)
	checkEvidence(t, nc, lost.ID)
	server.Restart()
	again := next("alert after the restart", events)
	if second, err := alerts.Decode(again.Data); err != nil || second.Phase != alerts.PhaseStart ||
		second.ID == start.ID || !second.GapBefore {
		t.Errorf("after the restart came %+v, %v; want a new alert after a gap", second, err)
	}
	for {
		s, err := alerts.DecodeScore(next("score after the restart", scores).Data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Wall.After(lost.Time()) && s.Frame > lost.Peak.Frame {
			break
		}
	}

	stop()
	last := alerts.Alert{}
	for last.Phase != alerts.PhaseEnd {
		if last, err = alerts.Decode(next("last end", events).Data); err != nil {
			t.Fatal(err)
		}
	}
	if last.EndReason != alerts.EndStopped {
		t.Errorf("the last alert ended as %s, want stopped", last.EndReason)
	}
	select {
	case c := <-code:
		if c != exitDone {
			t.Errorf("exit code %d:\n%s", c, stderr.String())
		}
	case <-time.After(alerttest.LongWait):
		t.Fatal("vigil did not stop")
	}
}

// checkComplete says which field of an end, of a camera without a calibration, was left empty in a real run.
func checkComplete(t *testing.T, a alerts.Alert) {
	t.Helper()
	for name, there := range map[string]bool{
		"schema_version": a.SchemaVersion == alerts.SchemaVersion, "seq": a.Seq > 0,
		"kind": a.Kind == alerts.KindAnomaly, "zones": len(a.Zones) == 1,
		"boxes": len(a.Boxes) > 0, "start": a.Start.Frame < a.End.Frame &&
			a.Start.StreamSeconds < a.End.StreamSeconds && a.Start.Wall.Before(a.End.Wall),
		"peak":             a.Peak.Frame >= a.Start.Frame && !a.Peak.Wall.Before(a.Start.Wall),
		"end":              time.Since(a.End.Wall) < 10*time.Minute,
		"duration_seconds": a.DurationSeconds > 0, "error": a.Error > 0, "peak_error": a.PeakError >= a.Error,
		"severity":  a.Severity > 0.5,
		"threshold": a.Threshold == 0.00001, "lo": a.Lo == 0.000001, "model.name": a.Model.Name == "zero",
		"model.hash":    len(a.Model.Hash) == 64,
		"model.version": a.Model.Version != "" && strings.HasPrefix(a.Model.Hash, a.Model.Version),
		"source":        a.Source.Width == 320 && a.Source.Height == 240,
		"source.fps":    a.Source.FPS > 0, "latency.capture_ms": a.Latency.CaptureMS > 0,
		"latency.queue_ms": a.Latency.QueueMS > 0,
		"latency.score_ms": a.Latency.ScoreMS > 0, "latency.publish_ms": a.Latency.PublishMS > 0,
	} {
		if !there {
			t.Errorf("%s is not what it should be in %+v", name, a)
		}
	}
}

// checkEvidence waits until all evidence of an alert is kept: a busy machine may make the clip after the end
// is published.
func checkEvidence(t *testing.T, nc *nats.Conn, id string) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		shown := map[string]bool{}
		objects, err := evidence.NewReader(js).Names(t.Context(), evidence.Bucket, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			kind, _, _ := strings.Cut(strings.TrimPrefix(o.Name, id+"/"), "-")
			shown[kind] = true
		}
		if shown["snapshot"] && shown["heatmap"] && shown["clip"] {
			return
		}
		if time.Since(began) > alerttest.LongWait {
			t.Fatalf("of alert %s are kept %v, want a snapshot, a heat map and a clip", id, shown)
		}
	}
}
