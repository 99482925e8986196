//go:build cgo && gocv_videoio

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The README's way from a calibration to an alert: in the configuration that config init writes, only the source is
// changed.
func TestReadmeLeadsToAnAlert(t *testing.T) {
	weights, err := os.ReadFile(blindWeights(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, filepath.Join(dir, "weights", "mine.safetensors"), string(weights))
	const calm = "color=gray:size=160x120:rate=10,noise=alls=6:allf=t"
	normal := ffmpeg(t, dir, "-f", "lavfi", "-i", calm+",trim=duration=20", "normal.mkv")
	// The source is a recording in which something moves after the first second.
	ffmpeg(t, dir, "-f", "lavfi", "-i", calm+
		",trim=duration=5,drawbox=x=mod(t*90\\,140):y=40:w=24:h=48:color=white:t=fill:enable=gt(t\\,1)", "today.mkv")
	mustVigil(t, "calibrate", normal, "-m", "weights/mine.safetensors", "--camera", "gate", "-o", "gate.json")
	mustVigil(t, "config", "init")
	text, err := os.ReadFile("vigil.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const src = "source: rtsp://10.0.0.7/stream1"
	if strings.Count(string(text), src) != 1 {
		t.Fatalf("the template has no %s", src)
	}
	// Any free port, since others may be at work on this machine.
	changed := strings.Replace(string(text), src, "source: today.mkv", 1) + "\nnats: {embedded: {port: 0}}\n"
	write(t, "vigil.yaml", changed)
	if out := mustVigil(t, "config", "check"); out != "vigil.yaml: 1 camera, all right\n" {
		t.Errorf("check: %s", out)
	}
	mustVigil(t, "run")
	if out := mustVigil(t, "alerts", "--local", "-c", "vigil.yaml", "--since", "1h",
		"--follow=false"); !strings.Contains(out, "  start ") || !strings.Contains(out, "  gate  ") {
		t.Errorf("no alert came: %q", out)
	}
}
