//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/internal/testenv"
	"vigil/video"
)

// folderOf writes files to a new folder.
func folderOf(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func jpegOf(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(i * 7)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFolder(t *testing.T) {
	files := map[string][]byte{
		"notes.txt": []byte("not an image"), ".hidden.png": []byte("neither"),
		"img9.png": tinyPNG(t, 32, 24), "img10.PNG": tinyPNG(t, 32, 24), "img11.jpg": jpegOf(t, 48, 24),
	}
	s := openAddress(t, cameratest.Address(t, folderOf(t, files)), Options{FolderFPS: 5})
	if got, want := s.Info(), (video.Info{Width: 32, Height: 24, FPS: 5, Frames: 3}); got != want {
		t.Errorf("info %+v, want %+v", got, want)
	}
	var f video.Frame
	for i, want := range []string{"32x24x1", "32x24x1", "48x24x3"} {
		if err := s.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%dx%dx%d", f.Width, f.Height, f.Channels)
		if got != want || len(f.Pix) != f.Width*f.Height*f.Channels || f.PTS != time.Duration(i)*200*time.Millisecond ||
			f.Seq != uint64(i) {
			t.Errorf("frame %d: %s, want %s; %d bytes, at %v", f.Seq, got, want, len(f.Pix), f.PTS)
		}
		if i == 0 && f.Pix[17] != 100 {
			t.Errorf("a pixel is %d, want 100", f.Pix[17])
		}
	}
	if err := s.Read(t.Context(), &f); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestFolderBrokenImage(t *testing.T) {
	whole := tinyPNG(t, 200, 200)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"2.png", whole[:len(whole)/2], "image 2.png: damaged"},
		{"2.png", nil, "image 2.png: the file is empty"},
		{"2.png", []byte("text"), "image 2.png: damaged"},
		{"2.png", hugePNG(t, 100000, 100000), "image 2.png: the picture is too large: it has 100000x100000 pixels"},
		{"2.png", hugePNG(t, 1<<31-1, 1<<31-1), "image 2.png: damaged"},
		{"2.jpg", jpegOf(t, 64, 64)[:900], "image 2.jpg: the JPEG is cut off"},
	}
	for _, tt := range tests {
		for _, others := range []map[string][]byte{{"1.png": whole}, {}} { // damaged in the middle, or the first image
			others[tt.name] = tt.data
			dir := folderOf(t, others)
			s, err := Open(t.Context(), cameratest.Address(t, dir), Options{})
			if len(others) == 2 {
				if err != nil {
					t.Fatal(err)
				}
				var f video.Frame
				if err := s.Read(t.Context(), &f); err != nil {
					t.Fatal(err)
				}
				err = s.Read(t.Context(), &f)
				if again := s.Read(t.Context(), &f); again != err {
					t.Errorf("then %v", again)
				}
				_ = s.Close()
				if err == nil {
					t.Errorf("%s is read", tt.name)
					continue
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want %q and the folder", err, tt.want)
			}
		}
	}
}

func TestUCSDFolder(t *testing.T) {
	n, last, err := readAll(t, openAddress(t, cameratest.Address(t, testenv.Data(t, "ped1_tif/Test001")), Options{}))
	if n != 60 || !errors.Is(err, io.EOF) || last.Width != 238 || last.Height != 158 || last.Channels != 1 ||
		last.PTS != 5900*time.Millisecond {
		t.Errorf("%d frames of %dx%dx%d, the last at %v, then %v", n, last.Width, last.Height, last.Channels,
			last.PTS, err)
	}
}
