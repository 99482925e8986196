//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"testing"

	"vigil/internal/cameratest"
)

func sound(t testing.TB, name string) string {
	t.Helper()
	return cameratest.Video(t, name, "sine=duration=1")
}

// tinyPNG is a grey image with all pixels 100.
func tinyPNG(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetGray(x, y, color.Gray{Y: 100})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugePNG declares w x h pixels and holds the data of a small image.
func hugePNG(t testing.TB, w, h uint32) []byte {
	t.Helper()
	data := tinyPNG(t, 8, 8)
	binary.BigEndian.PutUint32(data[16:], w)
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}
