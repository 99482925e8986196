//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/output"
	"vigil/internal/terminal"
)

// runDemo is the demo with less video than the command takes, since drawing is slow under the race detector.
func runDemo(t *testing.T, d demo) (stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	d.seed, d.out, d.lesson, d.stdout, d.stderr = 1, t.TempDir(), 20*time.Second, &out, terminal.NewScreen(&errs)
	given := d.weights != ""
	if !given {
		// A demo that was interrupted while it learned leaves this, and must not mind it.
		folder, err := output.OpenFolder(d.out)
		if err != nil {
			t.Fatal(err)
		}
		if err := folder.Write("street.safetensors.checkpoint", []byte("half a lesson")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	left, err := os.ReadDir(d.out)
	if err != nil || len(left) == 0 {
		t.Fatalf("the demo left %v, %v", left, err)
	}
	for _, f := range left {
		if filepath.Ext(f.Name()) != ".png" && f.Name() != "street.safetensors" && f.Name() != ".vigil-files" {
			t.Errorf("the demo left %s", f.Name())
		}
	}
	if given {
		f, err := os.Open(filepath.Join(d.out, "alert-1.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 240 {
			t.Errorf("the picture of the alert: %v", err)
		}
	}
	return out.String()
}

// testdata/street.safetensors is what "vigil demo --seed 1" has learned on day 0. The first 28 seconds of day 2 hold a
// cyclist and a runner.
func TestDemoFindsWhatIsFast(t *testing.T) {
	out := runDemo(t, demo{
		weights: "testdata/street.safetensors", normal: 15 * time.Second, length: 28 * time.Second,
		json: true,
	})
	var result demoResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if result.Found != 2 || result.Missed != 0 || result.False != 0 || !result.Kinds["cyclist"] ||
		!result.Kinds["runner"] {
		t.Errorf("found %+v, want a cyclist and a runner", result)
	}
}

func TestDemoLearnsTheStreet(t *testing.T) {
	out := runDemo(t, demo{learn: 5 * time.Second, normal: 10 * time.Second, length: 10 * time.Second})
	for _, want := range []string{"learned the street from 20 s", "calibrated on 10 s", "incidents found"} {
		if !strings.Contains(out, want) {
			t.Errorf("printed\n%s\nwant %q in it", out, want)
		}
	}
}

func TestDemoRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--for":               {"demo", "--for", "1s"},
		"none.safetensors":    {"demo", "-m", "none.safetensors"},
		"unknown command":     {"demon"},
		"for \"vigil demo\"":  {"demo", "x"},
		"invalid argument \"": {"demo", "--seed", "x"},
	} {
		code, _, errs := vigil(t, args...)
		if code == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, want %q:\n%s", args, code, want, errs)
		}
	}
}
