//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/pipeline/calibrate"
)

// A live camera whose pictures are of another size for a while does not cost what was seen before: these clips are
// left out.
func TestCalibrateWhileTheSizeChanges(t *testing.T) {
	record := filepath.Join(t.TempDir(), "gate.json")
	url := cameratest.MotionJPEG(t, 10*time.Millisecond, func(i int) []byte {
		width, height := 64, 48
		if i >= 80 && i < 180 {
			width, height = 80, 64
		}
		img := image.NewGray(image.Rect(0, 0, width, height))
		for y := range height {
			img.SetGray((i+y)%width, y, color.Gray{Y: 255}) // it moves
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, nil); err != nil {
			t.Error(err)
		}
		return b.Bytes()
	})
	out := mustRunVigil(t, "calibrate", url, "--for", "14s", "-m", tinyWeights(t), "--camera", "gate", "--hop", "1",
		"-o", record)
	if !strings.Contains(out, "clips of pictures of another size") {
		t.Errorf("what was left out is not reported:\n%s", out)
	}
	cal, err := calibrate.Read(record)
	if err != nil {
		t.Fatal(err)
	}
	if cal.Key.Width != 64 || cal.Key.Height != 48 || cal.Excluded.Sizes == 0 {
		t.Errorf("%+v, left out %+v", cal.Key, cal.Excluded)
	}
}
