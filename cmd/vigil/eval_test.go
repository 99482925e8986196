//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/image/bmp"

	"vigil/eval"
)

// symlink makes name in a new data set point to a real file.
func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func tinyWeights(t *testing.T) string {
	t.Helper()
	weights := filepath.Join(t.TempDir(), "tiny.safetensors")
	mustRunVigil(t, "model", "import", "testdata/oracle-tiny.pt", "-o", weights)
	return weights
}

// evalJSON are the parts of the contract that others build on, and some beside them.
type evalJSON struct {
	Paper, Raw *struct {
		Micro  *float64 `json:"micro_auc"`
		Macro  *float64 `json:"macro_auc"`
		Frames int
	}
	Live struct {
		Micro     *float64 `json:"micro_auc"`
		NoDelay   *float64 `json:"no_delay_micro_auc"`
		Frames    int
		Hop       int
		Events    *struct{ Truth, Found, Missed, Alarms, False int }
		Threshold *struct {
			TPR, FPR float64
			Cameras  []struct {
				Camera    string
				Lo, Theta float64
			}
		}
	}
	Pixel *struct {
		AUC, RBDC *float64
		TBDC      *float64
		Frames    int
		Videos    int
		Regions   int
	}
	Kinds *eval.Kinds
	Notes []string
}

func parseEval(t *testing.T, out string) (r evalJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return r
}

func TestEvalScoresAFolderAndReports(t *testing.T) {
	ped2 := filepath.Join(realData(t), "ped2")
	root, report := t.TempDir(), filepath.Join(t.TempDir(), "report")
	for _, clip := range []string{"03", "12"} {
		symlink(t, filepath.Join(ped2, "test", clip+".mkv"), filepath.Join(root, "test", clip+".mkv"))
		symlink(t, filepath.Join(ped2, "labels", clip+".csv"), filepath.Join(root, "labels", clip+".csv"))
	}
	symlink(t, filepath.Join(ped2, "masks", "12.mkv"), filepath.Join(root, "masks", "12.mkv"))
	for _, clip := range []string{"01", "02"} {
		symlink(t, filepath.Join(ped2, "train", clip+".mkv"), filepath.Join(root, "train", clip+".mkv"))
	}
	weights := tinyWeights(t)
	r := parseEval(t, mustRunVigil(t, "eval", root, "-m", weights, "--json", "--report", report, "--resamplings", "50"))
	if r.Paper == nil || r.Paper.Micro == nil || r.Paper.Macro == nil || r.Live.Micro == nil || r.Live.NoDelay == nil {
		t.Fatalf("figures are missing: %+v", r)
	}
	// 150 and 180 frames; the paper leaves 15 of each out, live none.
	if r.Paper.Frames != 300 || r.Raw.Frames != 300 || r.Live.Frames != 330 {
		t.Errorf("paper counts %d frames, live %d", r.Paper.Frames, r.Live.Frames)
	}
	if e := r.Live.Events; e == nil || e.Truth != 2 || e.Found+e.Missed != 2 || r.Live.Threshold == nil {
		t.Errorf("events %+v, threshold %+v", e, r.Live.Threshold)
	}
	if p := r.Pixel; p == nil || p.AUC == nil || p.RBDC == nil || p.TBDC == nil || p.Frames != 165 || p.Videos != 1 {
		t.Errorf("pixels %+v", p)
	}
	page, err := os.ReadFile(filepath.Join(report, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	// Whole in one file.
	for _, outside := range []string{"src=\"http", "<script", "<link", "src=\"video"} {
		if bytes.Contains(page, []byte(outside)) {
			t.Errorf("the page needs something outside: %s", outside)
		}
	}
	// What is shown as missed is abnormal by the labels, and what is shown as a false alarm is not. Video 12 is
	// abnormal from frame 87 on, 03 to 145.
	missed, wrong, ok := strings.Cut(string(page), "Worst false alarms")
	captions := regexp.MustCompile(`<figcaption>([0-9]+), frame ([0-9]+), error`)
	for i, part := range []string{missed, wrong} {
		found := captions.FindAllStringSubmatch(part, -1)
		if !ok || len(found) == 0 && i == 0 {
			t.Errorf("no examples in the page: %v", found)
		}
		for _, m := range found {
			frame, err := strconv.Atoi(m[2])
			if abnormal := m[1] == "12" && frame >= 87 || m[1] == "03" && frame <= 145; err != nil ||
				abnormal != (i == 0) {
				t.Errorf("%s stands among %s", m[0], []string{"the misses", "the false alarms"}[i])
			}
		}
	}
	for _, name := range []string{"roc.png", "pr.png", "video-03.png", "video-12.png", "scores.csv"} {
		if _, err := os.Stat(filepath.Join(report, name)); err != nil {
			t.Error(err)
		}
	}

	// The report's own scores, read as external ones, give the same figures.
	again := parseEval(t, mustRunVigil(t, "eval", root, "--scores", filepath.Join(report, "scores.csv"), "--json",
		"--resamplings", "0"))
	if *again.Paper.Micro != *r.Paper.Micro || *again.Raw.Micro != *r.Raw.Micro {
		t.Errorf("paper %v and raw %v, they were %v and %v", *again.Paper.Micro, *again.Raw.Micro, *r.Paper.Micro,
			*r.Raw.Micro)
	}
	out := mustRunVigil(t, "eval", "--scores", filepath.Join(report, "scores.csv"), "--labels",
		filepath.Join(root, "labels"))
	if !strings.Contains(out, "paper (each video scaled)") || !strings.Contains(out, "no delay") {
		t.Errorf("printed\n%s", out)
	}

	// Labels that do not fit, and an interrupt.
	short := t.TempDir()
	symlink(t, filepath.Join(ped2, "test", "03.mkv"), filepath.Join(short, "test", "03.mkv"))
	symlink(t, filepath.Join(ped2, "labels", "12.csv"), filepath.Join(short, "labels", "03.csv"))
	code, _, errs := runVigil(t, "eval", short, "-m", weights)
	if code != exitFailed || !strings.Contains(errs, "03.mkv: has 150 frames, but") ||
		!strings.Contains(errs, "has labels for 180") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var buf bytes.Buffer
	if code := run(ctx, []string{"eval", root, "-m", weights}, &buf, &buf); code != exitInterrupted {
		t.Errorf("exit code %d, want %d: %s", code, exitInterrupted, buf.String())
	}
}

// Real frames of UCSD Ped1, TIFF as UCSD ships them, with labels and masks in its form.
func TestEvalReadsUCSD(t *testing.T) {
	frames := filepath.Join(realData(t), "ped1_tif", "Test001")
	root := t.TempDir()
	symlink(t, frames, filepath.Join(root, "Test", "Test001"))
	masks := filepath.Join(root, "Test", "Test001_gt")
	if err := os.MkdirAll(masks, 0o755); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 60; n++ {
		img := image.NewGray(image.Rect(0, 0, 238, 158))
		for i := range 400 {
			if n >= 31 {
				img.SetGray(100+i%20, 60+i/20, color.Gray{Y: 255})
			}
			// Less than half white is black: lossy videos have grey edges.
			img.SetGray(10+i%20, 10+i/20, color.Gray{Y: 120})
		}
		var out bytes.Buffer
		if err := bmp.Encode(&out, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(masks, fmt.Sprintf("%03d.bmp", n)), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	labels := filepath.Join(root, "Test", "UCSDped1.m")
	if err := os.WriteFile(labels, []byte("TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [31:60];\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	weights := tinyWeights(t)
	r := parseEval(t, mustRunVigil(t, "eval", root, "-m", weights, "--json", "--resamplings", "0"))
	if r.Paper.Frames != 45 || r.Live.Frames != 60 || r.Pixel.Frames != 45 || r.Pixel.Regions != 53-30 ||
		r.Live.Threshold != nil {
		t.Errorf("%+v, %+v", r, r.Pixel)
	}
	if !strings.Contains(strings.Join(r.Notes, "\n"), "no normal video, so live has no threshold") {
		t.Errorf("notes %q", r.Notes)
	}
	if err := os.Remove(filepath.Join(masks, "060.bmp")); err != nil {
		t.Fatal(err)
	}
	code, _, errs := runVigil(t, "eval", root, "-m", weights)
	if code != exitFailed || !strings.Contains(errs, "there are 59 masks for 60 frames") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestEvalUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"no data set is given":         {"eval"},
		"-m: is missing; must":         {"eval", "ped2"},
		"--labels: is missing":         {"eval", "--scores", "x"},
		"has labels already":           {"eval", "ped2", "--scores", "x", "--labels", "y"},
		"goes with --scores":           {"eval", "ped2", "-m", "x", "--labels", "y"},
		"cannot be used with --scores": {"eval", "ped2", "-m", "x", "--scores", "y"},
		"give one of them, each":       {"eval", "ped2", "-m", "x", "--calibrate", "a", "--calibration", "b"},
		"--resamplings: is -1":         {"eval", "ped2", "-m", "x", "--resamplings", "-1"},
		"at most 1 arg":                {"eval", "a", "b"},
	} {
		if code, _, errs := runVigil(t, args...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, code, exitUsage, want, errs)
		}
	}
	code, _, errs := runVigil(t, "eval", t.TempDir(), "-m", tinyWeights(t))
	if code != exitFailed || !strings.Contains(errs, "has none of the known formats") {
		t.Errorf("an unknown layout: exit code %d: %s", code, errs)
	}
	list := mustRunVigil(t, "eval", "--list")
	for _, name := range []string{
		"ucsd", "avenue", "shanghaitech", "folder", "UCSDped1.m", "1_label.mat",
		"track,frame,x,y,w,h",
	} {
		if !strings.Contains(list, name) {
			t.Errorf("--list does not say %s:\n%s", name, list)
		}
	}
}
