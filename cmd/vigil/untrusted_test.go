//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vigil/alerts"
	"vigil/internal/cameratest"
	"vigil/internal/natstest"
	"vigil/pipeline/calibrate"
)

// TestUntrustedCamera covers a camera, moves it before the cover is taken away, and gives it its view back: in the
// tables of a replay, and in the alerts of the whole program.
func TestUntrustedCamera(t *testing.T) {
	const noise = ",noise=alls=8:allf=t,format=gray"
	normal := cameratest.Video(t, "normal.mkv", "testsrc2=size=352x240:rate=10:duration=14,crop=320:240:0:0"+noise,
		"-c:v", "ffv1")
	tampered := cameratest.Video(t, "tampered.mkv", "testsrc2=size=352x240:rate=10:duration=40,"+
		"crop=320:240:'if(between(t,18,27.95),20,0)':0,"+
		"drawbox=t=fill:color=0x585858:enable='between(t,10,17.95)'"+noise,
		"-c:v", "ffv1")
	dir := t.TempDir()
	weights, record := cameratest.ZeroWeightsOf(t, 64), filepath.Join(dir, "gate.json")
	mustRunVigil(t, "calibrate", normal, "-m", weights, "--camera", "gate", "-o", record)
	if cal, err := calibrate.Read(record); err != nil || cal.Reference == nil {
		t.Fatalf("a calibration without a reference: %v", err)
	}

	scores := filepath.Join(dir, "scores.csv")
	out := mustRunVigil(t, "replay", tampered, "-m", weights, "--calibration", record, "--scores", scores,
		"--no-publish")
	if !strings.Contains(out, "the camera could not be trusted: moved, found at frame 2") ||
		!strings.Contains(out, "the camera could not be trusted 1 times") {
		t.Errorf("replay printed %s", out)
	}
	events := readCSV(t, filepath.Join(dir, "events.csv"))
	column := func(name string) int { return slices.Index(events[0], name) }
	found := 0
	for _, row := range events[1:] {
		if row[column("kind")] != "untrusted" {
			continue
		}
		found++
		start, end := parseFloat(t, row[column("start_seconds")]), parseFloat(t, row[column("end_seconds")])
		if row[column("reason")] != "moved" || row[column("end_reason")] != "restored" ||
			row[column("peak_error")] != "" || start < 9 || start > 11 || end < 27 || end > 31 {
			t.Errorf("event %v", row)
		}
	}
	if found != 1 {
		t.Errorf("%d events of kind untrusted", found)
	}
	for _, row := range readCSV(t, scores)[1:] {
		frame, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		empty := row[2] == "" && row[3] == "" && row[4] == "" && row[5] == "" && row[6] == ""
		if within := frame > 160 && frame < 270; within && !empty || (frame < 90 || frame > 330) && row[2] == "" {
			t.Errorf("row %v", row)
		}
	}
	mustRunVigil(t, "detect", scores, "--fps", "10", "--calibration", record)

	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats:
  embedded:
    port: %d
cameras:
  - name: gate
    source: %s
    calibration: %s
    realtime: false
`, filepath.Join(dir, "data"), weights, natstest.FreePort(t), tampered, record)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRunVigil(t, "run", "-c", file)
	var story, shown []string
	for line := range strings.Lines(mustRunVigil(t, "alerts", "--local", "-c", file, "--since", "1h",
		"--follow=false", "--json")) {
		a, err := alerts.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if a.Kind != alerts.KindUntrusted {
			continue
		}
		if part := string(a.Phase) + ":" + a.Reason + ":" + string(a.EndReason); !slices.Contains(story, part) {
			story = append(story, part)
		}
		for _, e := range a.Evidence {
			if !slices.Contains(shown, string(e.Kind)) {
				shown = append(shown, string(e.Kind))
			}
		}
	}
	// A fast replay may end before an update is due; the end has the latest reason.
	if story[0] != "start:covered:" || story[len(story)-1] != "end:moved:restored" {
		t.Errorf("alerts %q", story)
	}
	if !slices.Contains(shown, "before") || !slices.Contains(shown, "snapshot") {
		t.Errorf("evidence %q", shown)
	}
	if line := mustRunVigil(t, "alerts", "--local", "-c", file, "--since", "1h", "--follow=false"); !strings.Contains(
		line, "untrusted: covered") {
		t.Errorf("alerts printed %s", line)
	}
}
