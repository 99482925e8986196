//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os/exec"
	"path/filepath"
	"testing"

	"vigil/internal/testenv"
)

// tool runs a program that tests need. If it is missing, the test fails in CI and is skipped elsewhere.
func tool(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, name), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return out
}

// ffmpeg creates a file from a source filter and further arguments.
func ffmpeg(t testing.TB, name, filter string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", filter}, args...)
	tool(t, "ffmpeg", append(all, path)...)
	return path
}

func sound(t testing.TB, name string) string {
	t.Helper()
	return ffmpeg(t, name, "sine=duration=1")
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

// data returns the folder of real video. If it is missing, the test fails in CI and is skipped elsewhere.
func data(t testing.TB, name string) string {
	t.Helper()
	return testenv.Data(t, name)
}
