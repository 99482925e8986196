//go:build linux && cgo && gocv_videoio

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
)

// peakMemory returns the process's peak memory use in MiB since the previous call.
func peakMemory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// maxGrowth is the limit for memory growth in MiB; any frame above MaxPixels would take more.
const maxGrowth = 32

// tiff is a little-endian TIFF header with these entries.
func tiff(entries ...[2]uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, e[1])
	}
	return append(b, make([]byte, 64)...)
}

func bigTIFF(w, h uint64) []byte {
	b := []byte("MM\x00\x2b\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10")
	b = binary.BigEndian.AppendUint64(b, 2)
	for tag, v := range map[uint16]uint64{tiffWidth: w, tiffHeight: h} {
		b = binary.BigEndian.AppendUint16(b, tag)
		b = binary.BigEndian.AppendUint16(b, 16)
		b = binary.BigEndian.AppendUint64(b, 1)
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return append(b, make([]byte, 64)...)
}

func bmp(w, h int32) []byte {
	b := append([]byte("BM"), make([]byte, 52)...)
	binary.LittleEndian.PutUint32(b[10:], 54)
	binary.LittleEndian.PutUint32(b[14:], 40)
	binary.LittleEndian.PutUint32(b[18:], uint32(w))
	binary.LittleEndian.PutUint32(b[22:], uint32(h))
	b[26], b[28] = 1, 24
	return b
}

// hugeJPEG is a small JPEG whose header declares another size.
func hugeJPEG(t *testing.T, w, h uint16) []byte {
	b := jpegOf(t, 64, 64)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	if at < 0 {
		t.Fatal("no start of frame")
	}
	binary.BigEndian.PutUint16(b[at+5:], h)
	binary.BigEndian.PutUint16(b[at+7:], w)
	return b
}

// webP is the header of a lossless WebP, or of one with a canvas.
func webP(w, h int) []byte {
	bits := uint32(w-1) | uint32(h-1)<<14
	b := []byte("RIFF\x40\x00\x00\x00WEBPVP8L\x30\x00\x00\x00\x2f")
	return append(binary.LittleEndian.AppendUint32(b, bits), make([]byte, 64)...)
}

// An image that is too large is refused by its header, before memory is allocated.
func TestImageBombs(t *testing.T) {
	for name, data := range map[string][]byte{
		"a.png": hugePNG(t, 30000, 30000), "b.jpg": hugeJPEG(t, 60000, 60000),
		"c.tif":  tiff([2]uint32{tiffWidth, 30000}, [2]uint32{tiffHeight, 30000}),
		"d.tiff": bigTIFF(30000, 30000), "e.bmp": bmp(30000, 30000), "f.bmp": bmp(30000, -30000),
		"g.webp": webP(16383, 16383),
		"h.pgm":  []byte("P5\n# large\n30000 30000\n255\n"), "i.ppm": []byte("P6 30000 30000 255 "),
		"j.tif": tiff([2]uint32{tiffWidth, 64}, [2]uint32{tiffHeight, 64}, [2]uint32{tiffTileWidth, 30000},
			[2]uint32{tiffTileHeight, 30000}),
		"k.tif": tiff([2]uint32{tiffWidth, 4000}, [2]uint32{tiffHeight, 4000}, [2]uint32{tiffSamples, 1000}),
		"l.png": bmp(30000, 30000), // whatever its extension
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, map[string][]byte{name: data})
			before := peakMemory(t)
			_, err := Open(t.Context(), cameratest.Address(t, dir), Options{})
			if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), name) ||
				!strings.Contains(err.Error(), "at most") {
				t.Errorf("error %v", err)
			}
			if grown := peakMemory(t) - before; grown > maxGrowth {
				t.Errorf("%d MiB more were taken", grown)
			}
		})
	}
	for name, data := range map[string][]byte{
		"a.png": []byte("#?RADIANCE\n"), "b.jpg": []byte("\x76\x2f\x31\x01 EXR"),
		"c.tif": []byte("II*\x00\xff\xff\xff\xff"),
	} {
		if _, err := Open(t.Context(), cameratest.Address(t, folderOf(t, map[string][]byte{name: data})),
			Options{}); err == nil ||
			!strings.Contains(err.Error(), "not what its name says") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The size limit of a video's frames holds wherever the size is declared: in the container, or in a frame in the
// middle.
func TestVideoBombs(t *testing.T) {
	const large = "6400x6400"
	honest := cameratest.Video(t, "large.mkv", "color=s="+large+":r=10:d=0.2", "-c:v", "mjpeg")
	var both []byte
	for _, size := range []string{"160x120", large} {
		part, err := os.ReadFile(cameratest.Video(t, "x.mjpeg", "testsrc=s="+size+":r=10:d=0.5", "-c:v", "mjpeg",
			"-f", "mjpeg"))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, part...)
	}
	raw := filepath.Join(t.TempDir(), "both.mjpeg")
	if err := os.WriteFile(raw, both, 0o600); err != nil {
		t.Fatal(err)
	}
	lies := filepath.Join(t.TempDir(), "lies.mkv")
	cameratest.FFmpeg(t, "-f", "mjpeg", "-i", raw, "-c", "copy", lies)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, map[string]string{"/large.mkv": honest, "/lies.mkv": lies}[r.URL.Path])
	}))
	defer server.Close()
	for _, c := range []struct {
		source, reader string
		frames         bool // the reader returns some frames first
	}{
		{honest, "", false},
		{lies, "", true},
		{server.URL + "/large.mkv", source.FFmpeg, false},
		{server.URL + "/lies.mkv", source.FFmpeg, true},
		{server.URL + "/large.mkv", source.GoCV, false},
		{server.URL + "/lies.mkv", source.GoCV, true},
	} {
		t.Run(filepath.Base(c.source)+" "+c.reader, func(t *testing.T) {
			before := peakMemory(t)
			frames, err := readOn(t.Context(), cameratest.Address(t, c.source),
				Options{Reader: c.reader, OpenTimeout: 5 * time.Second, ReadTimeout: time.Second})
			if (frames > 0) != c.frames || !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), large) ||
				!strings.Contains(err.Error(), filepath.Base(c.source)) {
				t.Errorf("%d frames, %v", frames, err)
			}
			if grown := peakMemory(t) - before; grown > maxGrowth {
				t.Errorf("%d MiB more were taken", grown)
			}
		})
	}
}

// A path with a video's extension that is not a regular file is refused at once, with its kind in the error.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("pipe.mkv"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe.mkv", at("link.mkv")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("folder.mkv"), 0o700); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		at("pipe.mkv"): "a named pipe (FIFO)", at("link.mkv"): "a named pipe (FIFO)", at("folder.mkv"): "no image",
		"/dev/zero": "a device", "/dev/null": "a device",
	} {
		if _, err := Open(t.Context(), cameratest.Address(t, source), Options{}); err == nil ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), source) {
			t.Errorf("%s: error %v, want %q in it", source, err, want)
		}
	}
	if err := os.WriteFile(at("a.png"), tinyPNG(t, 8, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe.mkv", at("b.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), cameratest.Address(t, dir), Options{}); err == nil ||
		!strings.Contains(err.Error(), "b.png: this is a named pipe") {
		t.Errorf("error %v", err)
	}
}
