//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/video"
)

// deepPNG is a 16-bit grey image whose columns rise from black to the highest value.
func deepPNG(t *testing.T, highest int) []byte {
	t.Helper()
	img := image.NewGray16(image.Rect(0, 0, 16, 8))
	for i := range 16 * 8 {
		img.SetGray16(i%16, i/16, color.Gray16{Y: uint16(i % 16 * highest / 15)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A name that breaks the sequence is reported, and missing images are a gap in the numbers and the times.
func TestFolderNames(t *testing.T) {
	files := map[string][]byte{}
	for _, n := range []int{0, 1, 2, 3, 6, 7, 8, 9} {
		files[fmt.Sprintf("%03d.png", n)] = tinyPNG(t, 80, 60)
	}
	files["003.png"] = tinyPNG(t, 60, 80)
	s := openAddress(t, cameratest.Address(t, folderOf(t, files)), Options{})
	var f video.Frame
	var got []string
	for s.Read(t.Context(), &f) == nil {
		got = append(got, fmt.Sprintf("%d at %d", f.Seq, f.PTS/(100*time.Millisecond)))
	}
	if text := strings.Join(got, ", "); text != "0 at 0, 1 at 1, 2 at 2, 3 at 3, 6 at 6, 7 at 7, 8 at 8, 9 at 9" {
		t.Error(text)
	}
	want := []string{
		"the folder lacks 2 of its numbers (004 to 005): as many frames are missing",
		"003.png is 60x80, the others are 80x60: no clip contains both",
	}
	if notes := s.Notes(); fmt.Sprintf("%q", notes) != fmt.Sprintf("%q", want) {
		t.Errorf("notes %q", notes)
	}
}

// Cameras of 10, 12 and 14 bits write 16-bit images. Their white is scaled to 255 consistently across the folder.
func TestFolderDepth(t *testing.T) {
	for _, tt := range []struct {
		highest, later int // later occurs in an image that is not sampled
		white          byte
		notes          string
	}{
		{65535, 65535, 255, ""},
		{20000, 20000, 78, ""},
		{16383, 16383, 255, "only 14 are used"},
		{4095, 4095, 255, "only 12 are used"},
		{4095, 2000, 255, "only 12 are used"},
		{3000, 3000, 187, "only 12 are used"},
		{1023, 1023, 255, "only 10 are used"},
		{255, 255, 255, "only 8 are used"},
		{4095, 9000, 255, "only 12 are used"},
	} {
		files := map[string][]byte{}
		for i := range 20 {
			files[fmt.Sprintf("%02d.png", i)] = deepPNG(t, tt.highest)
		}
		files["01.png"] = deepPNG(t, tt.later)
		s := openAddress(t, cameratest.Address(t, folderOf(t, files)), Options{})
		var f video.Frame
		if err := s.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		if f.Pix[0] != 0 || f.Pix[15] != tt.white || f.Channels != 1 || len(f.Pix) != 16*8 {
			t.Errorf("%d: from %d to %d, want %d", tt.highest, f.Pix[0], f.Pix[15], tt.white)
		}
		if err := s.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		notes := strings.Join(s.Notes(), "\n")
		if !strings.Contains(notes, tt.notes) || (notes == "") != (tt.notes == "") {
			t.Errorf("%d: notes %q, want %q", tt.highest, notes, tt.notes)
		}
		if tt.later > tt.highest && (f.Pix[15] != 255 || !strings.Contains(notes, "01.png has values above 12 bits")) {
			t.Errorf("above: %d, notes %q", f.Pix[15], notes)
		}
	}
}

// A path that is not a regular file is refused before it is opened, because opening a named pipe would block forever.
func TestNotAFile(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		make       func(path string) error
	}{
		{"2.png", "a named pipe", func(p string) error { return syscall.Mkfifo(p, 0o600) }},
		{"2.jpg", "a folder", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"2.tif", "a device", func(p string) error { return os.Symlink("/dev/zero", p) }},
		{"2.bmp", "a socket", func(p string) error {
			l, err := net.Listen("unix", p)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		}},
		{"2.webp", "no such file", func(p string) error { return os.Symlink("/none", p) }},
	} {
		dir := folderOf(t, map[string][]byte{"1.png": tinyPNG(t, 32, 24)})
		path := filepath.Join(dir, tt.name)
		if err := tt.make(path); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{dir, path} {
			s, err := Open(t.Context(), cameratest.Address(t, source), Options{})
			if err == nil {
				_ = s.Close()
			}
			want := tt.want
			if source == path && tt.want == "a folder" {
				want = "no image in it"
			}
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), tt.name) {
				t.Errorf("%s: %v, want %q", source, err, want)
			}
		}
	}
}
