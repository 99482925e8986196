//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A note on a recording is printed by every command that reads it, once, also where nothing
// else comes of it.
func TestNotesOfRecordings(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "frames")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 80 {
		if i == 40 {
			continue
		}
		img := image.NewGray(image.Rect(0, 0, 64, 48))
		for y := range 48 {
			img.SetGray((i+y)%64, y, color.Gray{Y: uint8(100 + i)})
		}
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%03d.png", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, img); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	weights := tinyWeights(t)
	for _, args := range [][]string{
		{"replay", folder, "-m", weights, "--no-publish"},
		{"calibrate", folder, "-m", weights, "--hop", "1", "--camera", "gate", "-o", filepath.Join(dir, "gate.json")},
		{"train", folder, "-o", filepath.Join(dir, "m.safetensors"), "--preset", "micro", "--epochs", "1"},
	} {
		_, _, errs := runVigil(t, args...)
		if strings.Count(errs, folder+": the folder lacks 1 of its numbers (040)") != 1 {
			t.Errorf("%s: the missing number is not reported once:\n%s", args[0], errs)
		}
	}
}
