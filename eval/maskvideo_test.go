//go:build cgo && gocv_videoio

package eval

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingMask expects an error for a folder of masks with a gap.
func TestMissingMask(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{1, 2, 3, 5, 6} {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%03d.png", n)))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := openMaskVideo(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var m Mask
	for i := range 3 {
		if err := r.Next(t.Context(), &m); err != nil {
			t.Fatalf("mask %d: %v", i, err)
		}
	}
	if err := r.Next(t.Context(), &m); err == nil || !strings.Contains(err.Error(), "the mask of frame 3 is missing") {
		t.Errorf("error %v", err)
	}
}
