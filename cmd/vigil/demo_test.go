//go:build cgo && gocv_videoio

package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testdata/street.safetensors has learned day 0 of seed 1 (PyTorch, 8 passes, no pseudo-anomalies). Fifty seconds of the first day hold two incidents, one of them a cart, which even weak weights find.
func TestDemoFindsTheCart(t *testing.T) {
	dir := t.TempDir()
	out := mustVigil(t, "demo", "-m", "testdata/street.safetensors", "-o", dir, "--for", "50s", "--json")
	var result demoResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if result.Found < 1 || result.False != 0 || !result.Kinds["cart"] {
		t.Errorf("found %+v, want the cart and no false alarm", result)
	}
	f, err := os.Open(filepath.Join(dir, "alert-1.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 240 {
		t.Errorf("the picture of the alert: %v", err)
	}
}

func TestDemoLearnsTheStreet(t *testing.T) {
	dir := t.TempDir()
	out := mustVigil(t, "demo", "-o", dir, "--learn", "5s", "--for", "10s")
	for _, want := range []string{"learned the street from 120 s", "calibrated on 90 s", "incidents found"} {
		if !strings.Contains(out, want) {
			t.Errorf("printed\n%s\nwant %q in it", out, want)
		}
	}
	if info := mustVigil(t, "model", "info", filepath.Join(dir, "street.safetensors")); !strings.Contains(info, "block_sq") {
		t.Errorf("the demo's weights:\n%s", info)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) < 1 || strings.HasSuffix(left[0].Name(), ".checkpoint") {
		t.Errorf("the demo left %v, %v", left, err)
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
