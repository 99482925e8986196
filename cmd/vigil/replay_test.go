//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/cameratest"
	"vigil/internal/testenv"
)

// realData is the folder of real video, which CI must have.
func realData(t *testing.T) string {
	t.Helper()
	return testenv.Data(t, "")
}

// runVigil runs the program as a user would and returns what it printed.
func runVigil(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func mustRunVigil(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, out, errs := runVigil(t, args...)
	if code != exitDone {
		t.Fatalf("vigil %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func parseFloat(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// testdata/oracle-tiny.pt are random weights of a PyTorch MemAE (preset tiny) and oracle-tiny-scores.csv its scores of
// two clips of UCSD Ped2 at hop 4, read by Python's OpenCV.
func TestReplayAgreesWithPyTorch(t *testing.T) {
	data := realData(t)
	dir := t.TempDir()
	weights, scores := filepath.Join(dir, "tiny.safetensors"), filepath.Join(dir, "scores.csv")
	mustRunVigil(t, "model", "import", "testdata/oracle-tiny.pt", "-o", weights)
	args := []string{"replay", "-m", weights, "--hop", "4", "--scores", scores}
	for _, clip := range []string{"01", "02"} {
		args = append(args, filepath.Join(data, "ped2", "test", clip+".mkv"))
	}
	mustRunVigil(t, args...)
	got, want := readCSV(t, scores), readCSV(t, "testdata/oracle-tiny-scores.csv")
	if strings.Join(got[0], ",") != "video,frame,error,regularity,motion,appearance,cause" {
		t.Errorf("header %v", got[0])
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, PyTorch has %d", len(got), len(want))
	}
	worst := 0.0
	for i := 1; i < len(want); i++ {
		if got[i][0] != want[i][0] || got[i][1] != want[i][1] {
			t.Fatalf("row %d is %v, PyTorch has %v", i, got[i], want[i])
		}
		a, b := parseFloat(t, got[i][2]), parseFloat(t, want[i][2])
		worst = math.Max(worst, math.Abs(a-b)/b)
		if r := parseFloat(t, got[i][3]); r < 0 || r > 1 {
			t.Errorf("row %d: regularity %g", i, r)
		}
	}
	if worst > 1e-5 {
		t.Errorf("the worst relative difference is %g", worst)
	}
}

func TestCalibrateThenReplayRaisesAlerts(t *testing.T) {
	data := realData(t)
	dir := t.TempDir()
	weights, record, scores := filepath.Join(dir, "tiny.safetensors"), filepath.Join(dir, "gate.json"),
		filepath.Join(dir, "scores.csv")
	mustRunVigil(t, "model", "import", "testdata/oracle-tiny.pt", "-o", weights)
	train := filepath.Join(data, "ped2", "train", "0%d.mkv")
	calibrate := []string{"calibrate", "-m", weights, "--camera", "gate", "--hop", "8", "-o", record}
	for _, n := range []string{"1", "2", "3"} {
		calibrate = append(calibrate, strings.Replace(train, "%d", n, 1))
	}
	out := mustRunVigil(t, calibrate...)
	if !strings.Contains(out, "provisional: too little video for a number of alarms") {
		t.Errorf("half a minute of video was calibrated with\n%s", out)
	}
	for want, flags := range map[string][]string{
		`--alarms: is "2/month", must be`: {"--alarms", "2/month"},
		"--alarms and --theta-quantile":   {"--alarms", "2/day", "--theta-quantile", "0.9"},
	} {
		if code, _, errs := runVigil(t, append(calibrate, flags...)...); code != exitUsage ||
			!strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, %s", flags, code, errs)
		}
	}
	// A cart drives through the fourth clip: large enough even for weights that were never trained.
	cart := filepath.Join(data, "ped2", "test", "04.mkv")
	out = mustRunVigil(t, "replay", cart, "-m", weights, "--calibration", record, "--scores", scores, "--no-publish")
	events := readCSV(t, filepath.Join(dir, "events.csv"))
	if len(events) < 2 || events[1][0] != "04.mkv" || events[1][2] != "gate" {
		t.Fatalf("events %v\n%s", events, out)
	}
	if !strings.Contains(out, "04.mkv: frames ") || !strings.Contains(out, "1 videos, 180 frames, 22 clips") {
		t.Errorf("printed\n%s", out)
	}

	// A record for another camera or hop is refused, with the reason, before any work.
	for want, flag := range map[string][]string{
		"camera is yard, calibrated for gate": {"--camera", "yard"},
		"hop is 4, calibrated for 8":          {"--hop", "4"},
	} {
		code, _, errs := runVigil(t,
			append([]string{"replay", cart, "-m", weights, "--calibration", record, "--no-publish"}, flag...)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("exit code %d, want %d and %q:\n%s", code, exitUsage, want, errs)
		}
	}
	// So is a source of another size, once it is open.
	avenue := filepath.Join(data, "avenue_normal", "11.mkv")
	code, _, errs := runVigil(t, "replay", avenue, "-m", weights, "--calibration", record, "--no-publish")
	if code != exitFailed || !strings.Contains(errs, "picture size is 640x360, calibrated for 360x240") {
		t.Errorf("exit code %d:\n%s", code, errs)
	}
}

func TestReplayLeavesNothingHalfWritten(t *testing.T) {
	data := realData(t)
	dir := t.TempDir()
	weights, scores := filepath.Join(dir, "blind.safetensors"), filepath.Join(dir, "scores.csv")
	if err := os.Rename(cameratest.ZeroWeights(t), weights); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(scores, []byte("what was here before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errs bytes.Buffer
	clip := filepath.Join(data, "ped2", "test", "01.mkv")
	if code := run(ctx, []string{"replay", clip, "-m", weights, "--scores", scores}, &errs,
		&errs); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %s", code, exitInterrupted, errs.String())
	}
	text, err := os.ReadFile(scores)
	if err != nil || string(text) != "what was here before\n" {
		t.Errorf("an interrupted replay left %q, %v", text, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("an interrupted replay left %v, %v", left, err)
	}
}
