//go:build cgo && gocv_videoio

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigil/internal/cameratest"
	"vigil/internal/docs"
)

// The README's way from a calibration to an alert: in the configuration that config init writes, only the source is
// changed.
func TestReadmeRaisesAnAlert(t *testing.T) {
	weights, err := os.ReadFile(cameratest.ZeroWeights(t))
	if err != nil {
		t.Fatal(err)
	}
	formats, err := os.ReadFile("../../docs/formats/data-directory.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := docs.FirstColumn(docs.Page{Text: string(formats)}.Section("Files"))
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, filepath.Join(dir, "weights", "mine.safetensors"), string(weights))
	const calm = "color=gray:size=160x120:rate=10,noise=alls=6:allf=t"
	normal := ffmpeg(t, dir, "-f", "lavfi", "-i", calm+",trim=duration=20", "normal.mkv")
	// The source is a recording in which something moves after the first second.
	ffmpeg(t, dir, "-f", "lavfi", "-i", calm+
		",trim=duration=5,drawbox=x=mod(t*90\\,140):y=40:w=24:h=48:color=white:t=fill:enable=gt(t\\,1)", "today.mkv")
	mustRunVigil(t, "calibrate", normal, "-m", "weights/mine.safetensors", "--camera", "gate", "-o", "gate.json")
	mustRunVigil(t, "config", "init")
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
	if out := mustRunVigil(t, "config", "check"); out != "vigil.yaml: 1 camera, no problems\n" {
		t.Errorf("check: %s", out)
	}
	mustRunVigil(t, "run")
	if out := mustRunVigil(t, "alerts", "--local", "-c", "vigil.yaml", "--since", "1h",
		"--follow=false"); !strings.Contains(out, "  start ") || !strings.Contains(out, "  gate  ") {
		t.Errorf("no alert came: %q", out)
	}
	checkDataDir(t, filepath.Join(dir, "vigil-data"), listed)
}

// checkDataDir checks that docs/formats/data-directory.md lists the files of a data directory.
func checkDataDir(t *testing.T, dir string, listed []string) {
	t.Helper()
	for _, pattern := range []string{"*", "nats/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Errorf("%s: %v, %v", dir, found, err)
		}
		for _, path := range found {
			name, err := filepath.Rel(dir, path)
			if name = filepath.ToSlash(name); err != nil || name != "nats" && !slices.Contains(listed, name) {
				t.Errorf("docs/formats/data-directory.md does not list the file %s of a data directory", name)
			}
		}
	}
}
