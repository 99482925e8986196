//go:build cgo && gocv_videoio

package eval

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// maskFolder writes a picture for each label, with a white pixel if it is true.
func maskFolder(t *testing.T, dir string, labels []bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for n, on := range labels {
		img := image.NewGray(image.Rect(0, 0, 8, 8))
		if on {
			img.SetGray(n%8, 3, color.Gray{Y: 255})
		}
		f, err := os.Create(filepath.Join(dir, "00"+strconv.Itoa(n+1)+".png"))
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
}

// TestUCSDLabelsOfMasks has no file *.m: with masks of all test folders the labels are those of the masks, with and
// without the frames.
func TestUCSDLabelsOfMasks(t *testing.T) {
	files := map[string]string{}
	frames(files, "Test/Test001/%03d.tif", 1, 5)
	frames(files, "Test/Test002/%03d.tif", 1, 3)
	root := tree(t, files)
	masks := func(name string) string { return filepath.Join(root, "Test", name+"_gt") }
	maskFolder(t, masks("Test001"), truth)
	maskFolder(t, masks("Test002"), []bool{true, false, true})
	given := newExternalScores()
	if err := given.parse(strings.NewReader("video,frame,error,regularity\nTest001,0,1,0\nTest002,0,1,0\n"),
		"s.csv"); err != nil {
		t.Fatal(err)
	}
	for _, withFrames := range []bool{true, false} {
		open := func() (*Dataset, error) { return Open(t.Context(), root, "") }
		if !withFrames {
			for _, name := range []string{"Test001", "Test002"} {
				if err := os.RemoveAll(filepath.Join(root, "Test", name)); err != nil {
					t.Fatal(err)
				}
			}
			open = func() (*Dataset, error) { return OpenLabels(t.Context(), root, "", given) }
		}
		d, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Test) != 2 || !reflect.DeepEqual(d.Test[0].Abnormal, truth) || d.Test[0].Truth != masks("Test001") ||
			!reflect.DeepEqual(d.Test[1].Abnormal, []bool{true, false, true}) || d.Test[1].Masks == nil {
			t.Errorf("with frames %v: %+v", withFrames, d.Test)
		}
		if len(d.Notes) != 1 || !strings.HasPrefix(d.Notes[0], "no file *.m, so the labels are made of the masks") {
			t.Errorf("notes %q", d.Notes)
		}
	}
	// Masks for another number of frames.
	maskFolder(t, masks("Test001"), append(truth, false))
	if err := os.MkdirAll(filepath.Join(root, "Test", "Test001"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"001", "002"} {
		if err := os.WriteFile(filepath.Join(root, "Test", "Test001", n+".tif"), []byte("."), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(masks("Test002")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), root, ""); err == nil ||
		!strings.Contains(err.Error(), "Test001: has 2 frames, but") {
		t.Errorf("6 masks for 2 frames: %v", err)
	}
}
