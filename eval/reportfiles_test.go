//go:build cgo && gocv_videoio

package eval

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadFrame(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		img := image.NewGray(image.Rect(0, 0, 32, 32))
		for p := range img.Pix {
			img.Pix[p] = uint8(10 * i)
		}
		var out bytes.Buffer
		if err := png.Encode(&out, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.png", i)), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := readFrame(t.Context(), dir, 17)
	if err != nil || f.Pix[0] != 170 {
		t.Errorf("frame 17: %+v, %v", f, err)
	}
	if _, err := readFrame(t.Context(), dir, 20); err == nil || !strings.Contains(err.Error(), "ends before frame 20") {
		t.Errorf("frame 20 of 20: %v", err)
	}
}
