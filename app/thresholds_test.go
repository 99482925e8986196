package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/alerttest"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// A threshold goes on where an earlier run has left off; one that cannot be read is said, and begins again.
func TestThresholdsAreKept(t *testing.T) {
	cal := &calibrate.Calibration{
		ID: "one", Key: calibrate.Key{Camera: "gate"}, ScoreForm: "block_sq", Lo: 1, Theta: 2, AlarmsPerDay: 1,
		Seconds: 9000,
	}
	dir := t.TempDir()
	start := func(theta float64) string {
		t.Helper()
		log := &alerttest.Log{}
		adapted := openThresholds(dir, slog.New(slog.NewTextHandler(log, nil)))
		cams := []pipeline.Camera{
			{Name: "gate", Threshold: pipeline.Threshold{Lo: 1, Theta: 2, Calibration: cal}},
			{Name: "b"},
		}
		for i := range cams {
			adapted.follow(&cams[i])
		}
		scales := []detect.Scale{{Measure: detect.Appearance, Lo: 1}}
		if cams[0].Adaptive.Theta(scales); scales[0].Theta != theta {
			t.Errorf("theta is %g, want %g", scales[0].Theta, theta)
		}
		if cams[1].Adaptive != nil {
			t.Error("a camera without a calibration has nothing to adapt")
		}
		adapted.close(cams)
		return log.String()
	}
	if log := start(2); log != "" {
		t.Errorf("logged %q", log)
	}
	path := filepath.Join(dir, "thresholds", "gate.json")
	change := func(old, text string) {
		t.Helper()
		was, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(was), old) {
			t.Fatalf("%s, %v: no %q", was, err, old)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(was), old, text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change(`"theta": 2`, `"theta": 3`)
	change(`"seconds": 0`, `"seconds": 7200`)
	if log := start(3); !strings.Contains(log, "threshold adapted") ||
		!strings.Contains(log, "hours_of_normal_video=2") {
		t.Errorf("logged %q", log)
	}
	change(`"theta": 3`, `"theta": 1`)
	if log := start(2); !strings.Contains(log, "begins again with the calibration") ||
		!strings.Contains(log, "do not fit together") {
		t.Errorf("logged %q", log)
	}
	if log := start(2); log != "" {
		t.Errorf("logged %q after it was written again", log)
	}
}
