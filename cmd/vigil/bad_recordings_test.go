//go:build cgo && gocv_videoio

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/batch"
	"vigil/model"
	"vigil/pipeline/calibrate"
)

// unevenRecording makes a recording of which every tenth picture comes late, so that nowhere 16 are unbroken.
func unevenRecording(t *testing.T, dir string) string {
	t.Helper()
	return ffmpeg(t, dir, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "-vf",
		"setpts=N/10/TB+floor(N/10)*3/TB", "-fps_mode", "passthrough",
		"-c:v", "ffv1", "uneven.mkv")
}

// A recording that cannot be used is left out with a warning that names it and says why, in the same words whoever
// reads it; the others are used.
func TestBadRecordingIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	good, other := filepath.Join(dir, "one.avi"), filepath.Join(dir, "two.avi")
	drawVideo(t, good, 64, 48, 130)
	drawVideo(t, other, 64, 48, 60)
	text, odd := write(t, filepath.Join(dir, "text.mp4"), "this is no video\n"), unevenRecording(t, dir)
	const why = "no cuboid: 40 frames with 3 gaps between them, and nowhere 16 in a row"
	names := func(errs string) bool {
		return strings.Contains(errs, odd+": ") && strings.Contains(errs, why) && strings.Contains(errs, text)
	}
	warns := func(errs string) bool { return strings.Count(errs, "warning: left out: ") == 2 && names(errs) }

	weights := filepath.Join(dir, "m.safetensors")
	out, errs, err := runTrain(t.Context(), text, good, odd, other, "-o", weights, "--preset", "micro", "--epochs",
		"1", "--json")
	if err != nil || !warns(errs) {
		t.Fatalf("train: %v\n%s", err, errs)
	}
	var summary struct{ Frames int }
	if err := json.Unmarshal([]byte(out), &summary); err != nil || summary.Frames != 98+60 {
		t.Errorf("train: %s, %v; want the frames of the good recordings, 158", out, err)
	}
	if _, err := model.ReadWeights(weights); err != nil {
		t.Error(err)
	}

	record := filepath.Join(dir, "gate.json")
	args := []string{"calibrate", "-m", weights, "--camera", "gate", "--hop", "1", "-o", record}
	if code, _, errs := runVigil(t, append(args, text, good, odd, other)...); code != exitDone || !warns(errs) {
		t.Errorf("calibrate: exit code %d\n%s", code, errs)
	}
	mixed, err := calibrate.Read(record)
	if err != nil {
		t.Fatal(err)
	}
	mustRunVigil(t, append(args, good, other)...)
	if pure, err := calibrate.Read(record); err != nil || pure.Clips != mixed.Clips ||
		pure.Theta != mixed.Theta || pure.Seconds != mixed.Seconds {
		t.Errorf("calibrate: %+v of good recordings and bad ones, %+v of the good ones alone, %v", mixed, pure, err)
	}

	scores := filepath.Join(dir, "scores.csv")
	code, out, errs := runVigil(t, "replay", text, good, odd, other, "-m", weights, "--scores", scores, "--json")
	var result struct{ Videos batch.Results }
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != exitFailed || !names(errs) ||
		len(result.Videos) != 4 {
		t.Fatalf("replay: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	for i, v := range result.Videos {
		if bad := i%2 == 0; (v.Error != "") != bad || !bad && v.Clips == 0 {
			t.Errorf("replay: %+v", v)
		}
	}
	if rows := readCSV(t, scores); rows[1][0] != "one.avi" || rows[len(rows)-1][0] != "two.avi" {
		t.Errorf("replay: scores %v", rows)
	}

	// Where none is good nothing is made.
	for _, args := range [][]string{
		{"train", text, odd, "-o", filepath.Join(dir, "none.safetensors"), "--preset", "micro"},
		{"calibrate", text, odd, "-m", weights, "--camera", "gate", "-o", filepath.Join(dir, "none.json")},
		{"pseudo", text, "-o", filepath.Join(dir, "none")},
	} {
		code, _, errs := runVigil(t, args...)
		if left, _ := filepath.Glob(filepath.Join(dir, "none*")); code != exitFailed || !strings.Contains(errs, text) ||
			left != nil {
			t.Errorf("%s of nothing good: exit code %d, left %v\n%s", args[0], code, left, errs)
		}
	}
	fakes := filepath.Join(dir, "fakes")
	if code, out, errs := runVigil(t, "pseudo", text, good, "-o", fakes, "--copies", "1"); code != exitDone ||
		!strings.Contains(errs, "warning: left out: opening "+text) {
		t.Errorf("pseudo: exit code %d\n%s%s", code, out, errs)
	}
}

// Recordings of one base name are told apart in every table, and eval reads these again.
func TestRecordingsOfOneName(t *testing.T) {
	dir := t.TempDir()
	weights, scores, labels := tinyWeights(t), filepath.Join(dir, "scores.csv"), filepath.Join(dir, "labels")
	labels40 := "frame,label\n"
	for i := range 40 {
		labels40 += fmt.Sprintf("%d,%d\n", i, i/20)
	}
	args := []string{"replay", "-m", weights, "--hop", "1", "--no-publish", "--scores", scores}
	for _, day := range []string{"day1", "day2"} {
		write(t, filepath.Join(labels, day, "cam.csv"), labels40)
		if err := os.MkdirAll(filepath.Join(dir, day), 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, day, "cam.avi")
		drawVideo(t, path, 64, 48, 40)
		args = append(args, path)
	}
	out := mustRunVigil(t, args...)
	for _, want := range []string{" day1/cam.avi ", " day2/cam.avi "} {
		if !strings.Contains(out, want) {
			t.Errorf("printed\n%s\nwant%sin it", out, want)
		}
	}
	names := map[string]int{}
	for _, row := range readCSV(t, scores)[1:] {
		names[row[0]]++
	}
	if len(names) != 2 || names["day1/cam.avi"] != 25 || names["day2/cam.avi"] != 25 {
		t.Errorf("scores of %v", names)
	}
	mustRunVigil(t, "eval", "--scores", scores, "--labels", labels, "--resamplings", "0")
	// One file of labels cannot be of both.
	write(t, filepath.Join(dir, "other", "cam.csv"), labels40)
	const want = "there are scores of day1/cam, day2/cam: put the labels into such folders, as day1/cam.csv"
	if code, _, errs := runVigil(t, "eval", "--scores", scores, "--labels",
		filepath.Join(dir, "other")); code != exitFailed || !strings.Contains(errs, want) {
		t.Errorf("exit code %d, want %q:\n%s", code, want, errs)
	}
}
