//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/video"
)

// clip writes n frames of w x h pixels at 10 frames a second; frame i has brightness 10·i.
func clip(t testing.TB, name string, w, h, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	v, err := CreateVideo(path, 10, w, h, "")
	if err != nil {
		t.Fatal(err)
	}
	f := video.Frame{Width: w, Height: h, Channels: 1, Pix: make([]byte, w*h)}
	for i := range n {
		for j := range f.Pix {
			f.Pix[j] = byte(10 * i)
		}
		if err := v.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll counts the frames until an error and returns that error.
func readAll(t testing.TB, s *Stream) (n int, last video.Frame, err error) {
	t.Helper()
	pts := time.Duration(-1)
	for {
		if err := s.Read(t.Context(), &last); err != nil {
			return n, last, err
		}
		if last.Seq != uint64(n) || last.PTS <= pts {
			t.Fatalf("frame %d: seq %d, pts %v after %v", n, last.Seq, last.PTS, pts)
		}
		pts = last.PTS
		n++
	}
}

func TestWriterAndFile(t *testing.T) {
	for _, name := range []string{"a.mp4", "a.avi", "a.mkv"} {
		t.Run(name, func(t *testing.T) {
			s := openAddress(t, cameratest.Address(t, clip(t, name, 64, 48, 25)), Options{})
			if got, want := s.Info(), (video.Info{Width: 64, Height: 48, FPS: 10, Frames: 25}); got != want {
				t.Errorf("info %+v, want %+v", got, want)
			}
			n, last, err := readAll(t, s)
			if n != 25 || !errors.Is(err, io.EOF) || last.PTS != 2400*time.Millisecond || last.Generation != 1 {
				t.Errorf("%d frames, the last at %v of opening %d, then %v", n, last.PTS, last.Generation, err)
			}
			for _, v := range last.Pix {
				if v < 230 || v > 250 { // 240, with tolerance for the coding
					t.Fatalf("a pixel of the last frame is %d", v)
				}
			}
		})
	}
}

func TestCreateVideoRefuses(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		path  string
		fps   float64
		w, h  int
		codec string
		want  string
	}{
		{"a.mp4", 10, 63, 48, "", "both sides must be even"},
		{"a.mp4", 0, 64, 48, "", "frame rate is 0"},
		{"a.xyz", 10, 64, 48, "", "ends in .mp4, .avi or .mkv"},
		{"a.mp4", 10, 64, 48, "????", "cannot write ???? into such a file"},
		{"none/a.mp4", 10, 64, 48, "", "no such file or directory"},
	}
	for _, tt := range tests {
		_, err := CreateVideo(filepath.Join(dir, tt.path), tt.fps, tt.w, tt.h, tt.codec)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.path, err, tt.want)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left behind", len(left))
	}
	v, err := CreateVideo(filepath.Join(dir, "a.mp4"), 10, 64, 48, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Write(&video.Frame{Width: 32, Height: 48, Channels: 1, Pix: make([]byte, 32*48)}); err == nil {
		t.Error("a frame of another size is accepted")
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	half := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data[:len(data)/2]
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("folder/readme.txt", []byte("no image"))
	tests := []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none.mkv"), "no such file or folder"},
		{"empty", write("empty.mp4", nil), "the file is empty"},
		{"text", write("text.mp4", []byte(strings.Repeat("This is not a video.\n", 100))), "this is text"},
		{"playlist", write("list.m3u8", []byte("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n")), "this is text"},
		{"noise", write("noise.mkv", []byte(strings.Repeat("\x00\x93\xf1", 999))), "no video in it"},
		{"mp4 without its index", write("cut.mp4", half(clip(t, "a.mp4", 320, 240, 25))), "without its index"},
		{"sound only", sound(t, "a.wav"), "sound only"},
		{"sound only, in an mp4", sound(t, "a.m4a"), "sound only"},
		{"folder without images", filepath.Join(dir, "folder"), "no image in it: none of its 1 entries"},
		{"socket or device", "/dev/null", "neither a file nor a folder"},
		{"no such device", "/dev/video87", "no such device"},
		{"no such device number", "device:87", "no video"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(t.Context(), cameratest.Address(t, tt.path), Options{})
			if err == nil {
				_ = s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("error %v, want %q and the path", err, tt.want)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	for _, name := range []string{"a.mkv", "a.avi"} {
		path := clip(t, name, 320, 240, 25)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		n, _, err := readAll(t, openAddress(t, cameratest.Address(t, path), Options{}))
		if !errors.Is(err, ErrTruncated) || n == 0 || n > 20 {
			t.Errorf("%s: %d frames, then %v", name, n, err)
		}
	}
}

func TestOneFrame(t *testing.T) {
	n, _, err := readAll(t, openAddress(t, cameratest.Address(t, clip(t, "a.mkv", 64, 48, 1)), Options{}))
	if n != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames, then %v", n, err)
	}
}

func TestReadAndContextAndClose(t *testing.T) {
	s := openAddress(t, cameratest.Address(t, clip(t, "a.avi", 64, 48, 25)), Options{FirstSeq: 100, Generation: 7})
	ctx, cancel := context.WithCancel(t.Context())
	var f video.Frame
	if err := s.Read(ctx, &f); err != nil || f.Seq != 100 || f.Generation != 7 {
		t.Errorf("seq %d, opening %d, %v", f.Seq, f.Generation, err)
	}
	cancel()
	if err := s.Read(ctx, &f); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := s.Read(t.Context(), &f); err != nil || f.Seq != 101 {
		t.Errorf("after another context ended: seq %d, %v", f.Seq, err)
	}
	if _, err := Open(ctx, cameratest.Address(t, "x"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("opening: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Read(t.Context(), &f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// Close waits for a Read in progress, because OpenCV would crash.
func TestCloseWhileReading(t *testing.T) {
	for range 20 {
		s := openAddress(t, cameratest.Address(t, clip(t, "a.avi", 320, 240, 25)), Options{})
		done := make(chan error)
		started := make(chan struct{})
		go func() {
			var f video.Frame
			err := s.Read(t.Context(), &f)
			close(started)
			for err == nil {
				err = s.Read(t.Context(), &f)
			}
			done <- err
		}()
		<-started
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	s := openAddress(t, cameratest.Address(t, clip(t, "a.avi", 64, 48, 25)), Options{})
	var f video.Frame
	if err := s.Read(t.Context(), &f); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(20, func() {
		if err := s.Read(ctx, &f); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
