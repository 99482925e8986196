//go:build cgo && gocv_videoio

package demo

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/output"
	"vigil/internal/terminal"
)

// runDemo runs the demo with less video than the command uses, since drawing is slow under the race detector.
func runDemo(t *testing.T, o Options) (result Result, stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	o.Seed, o.Out, o.TrainLength, o.Stdout, o.Stderr = 1, t.TempDir(), 20*time.Second, &out, terminal.NewScreen(&errs)
	given := o.Weights != ""
	if !given {
		// A demo that was interrupted during training leaves this file, which must not affect the next one.
		folder, err := output.OpenFolder(o.Out)
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.Write("street.safetensors.checkpoint", []byte("half a lesson")); err != nil {
			t.Fatal(err)
		}
	}
	result, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	left, err := os.ReadDir(o.Out)
	if err != nil || len(left) == 0 {
		t.Fatalf("the demo left %v, %v", left, err)
	}
	for _, f := range left {
		if filepath.Ext(f.Name()) != ".png" && f.Name() != "street.safetensors" && f.Name() != ".vigil-files" {
			t.Errorf("the demo left %s", f.Name())
		}
	}
	if given {
		f, err := os.Open(filepath.Join(o.Out, "alert-1.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 240 {
			t.Errorf("the picture of the alert: %v", err)
		}
	}
	return result, out.String()
}

// street.safetensors was trained by "vigil demo --seed 1" on day 0. The first 28 seconds of day 2 contain a cyclist and
// a runner.
func TestDemoFindsFastObjects(t *testing.T) {
	result, _ := runDemo(t, Options{
		Weights: "../../weights/street.safetensors", Normal: 15 * time.Second, Length: 28 * time.Second,
	})
	if result.Found != 2 || result.Missed != 0 || result.False != 0 || !result.Kinds["cyclist"] ||
		!result.Kinds["runner"] {
		t.Errorf("found %+v, want a cyclist and a runner", result)
	}
}

func TestDemoLearnsTheStreet(t *testing.T) {
	_, out := runDemo(t, Options{Learn: 5 * time.Second, Normal: 10 * time.Second, Length: 10 * time.Second})
	for _, want := range []string{"trained on 20 s", "calibrated on 10 s", "incidents found"} {
		if !strings.Contains(out, want) {
			t.Errorf("printed\n%s\nwant %q in it", out, want)
		}
	}
}
