package scene

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/internal/testenv"
	"vigil/video"
)

func TestSourcePlaysTheStreet(t *testing.T) {
	cfg := Config{Seed: 6, Width: 96, Height: 64, FPS: 10}
	source := &Source{Street: street(t, cfg), Frames: 3}
	if got, want := source.Info(), (video.Info{Width: 96, Height: 64, FPS: 10, Frames: 3}); got != want {
		t.Errorf("info %+v, want %+v", got, want)
	}
	same := street(t, cfg)
	var f video.Frame
	for n := range 3 {
		if err := source.Read(t.Context(), &f); err != nil {
			t.Fatal(err)
		}
		if f.Seq != uint64(n) || f.PTS != time.Duration(n)*100*time.Millisecond || f.Generation != 1 ||
			f.Arrival.IsZero() ||
			f.Width != 96 || f.Height != 64 || f.Channels != 3 {
			t.Errorf("frame %d: seq %d, pts %v, opening %d, %dx%dx%d", n, f.Seq, f.PTS, f.Generation, f.Width, f.Height,
				f.Channels)
		}
		if !bytes.Equal(f.Pix, same.Next(nil)) {
			t.Errorf("frame %d has other pixels than the street", n)
		}
	}
	if err := source.Read(t.Context(), &f); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v, want io.EOF", err)
	}
	_ = source.Close()
	if err := source.Read(t.Context(), &f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v, want os.ErrClosed", err)
	}
}

func TestSourceInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &Source{Street: street(t, Config{Width: 64, Height: 48, FPS: 8}), Realtime: true}
		ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		var f video.Frame
		for n := range 9 {
			if err := source.Read(ctx, &f); err != nil {
				t.Fatal(err)
			}
			if got, want := f.Arrival.Sub(begin), time.Duration(n)*125*time.Millisecond; got != want {
				t.Errorf("frame %d came after %v, want %v", n, got, want)
			}
		}
		if err := source.Read(ctx, &f); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for a frame when the context ends: %v", err)
		}
	})
}

func TestWriteFolder(t *testing.T) {
	s := street(t, Config{Seed: 8, Width: 64, Height: 48})
	for _, format := range []string{"png", "jpg"} {
		dir := filepath.Join(t.TempDir(), "frames")
		if err := s.WriteFolder(t.Context(), dir, format, 3); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 3 {
			t.Fatalf("%s: %d files, %v", format, len(entries), err)
		}
		f, err := os.Open(filepath.Join(dir, "000002."+format))
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := image.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		bgr := s.Frame(2, nil)
		for i := range len(bgr) / 3 {
			r, g, b, _ := img.At(i%64, i/64).RGBA()
			for c, v := range [...]uint32{b, g, r} {
				if d := int(v>>8) - int(bgr[3*i+c]); d < -1 || d > 1 {
					t.Fatalf("%s: pixel %d, channel %d is %d, want %d", format, i, c, v>>8, bgr[3*i+c])
				}
			}
		}
	}
	if err := s.WriteFolder(t.Context(), t.TempDir(), "gif", 1); err == nil ||
		!strings.Contains(err.Error(), "png or jpg") {
		t.Errorf("an unknown format: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WriteFolder(ctx, t.TempDir(), "png", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestWriteLabels(t *testing.T) {
	s := street(t, Config{Seed: 1, FPS: 5, Script: []Moment{{Runner, 2 * time.Second}}})
	path := filepath.Join(t.TempDir(), "labels.csv")
	if err := s.WriteLabels(path, 60); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	e := s.Episodes(60)[0]
	if len(lines) != 61 || lines[0] != "frame,label" || lines[1] != "0,0" {
		t.Fatalf("%d lines, beginning with %q", len(lines), lines[:2])
	}
	for n, line := range lines[1:] {
		if want := n >= e.FirstFrame && n <= e.LastFrame; strings.HasSuffix(line, ",1") != want {
			t.Errorf("line %q with the episode %+v", line, e)
		}
	}
	if err := s.WriteLabels(filepath.Join(t.TempDir(), "nowhere", "l.csv"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestWriteVideo(t *testing.T) {
	ffmpeg := testenv.Tool(t, "ffmpeg")
	s := street(t, Config{Seed: 2})
	path := filepath.Join(t.TempDir(), "street.mkv")
	if err := s.WriteVideo(t.Context(), path, 10); err != nil {
		t.Fatal(err)
	}
	raw, err := exec.CommandContext(t.Context(), ffmpeg, "-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt",
		"bgr24", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	size := 3 * 320 * 240
	if len(raw) != 10*size {
		t.Fatalf("%d bytes of video, want 10 frames of %d", len(raw), size)
	}
	var off float64
	for i, v := range s.Frame(9, nil) {
		d := float64(v) - float64(raw[9*size+i])
		off += max(d, -d) / float64(size)
	}
	if off > 5 {
		t.Errorf("the last frame is off by %.1f grey values on average", off)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".part-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteVideoWithoutFFmpeg(t *testing.T) {
	dir := t.TempDir()
	odd := street(t, Config{Width: 63, Height: 48})
	if err := odd.WriteVideo(t.Context(), filepath.Join(dir, "a.mkv"), 1); err == nil ||
		!strings.Contains(err.Error(), "even sides") {
		t.Errorf("odd sides: %v", err)
	}
	t.Setenv("PATH", dir)
	s := street(t, Config{Width: 64, Height: 48})
	err := s.WriteVideo(t.Context(), filepath.Join(dir, "a.mkv"), 1)
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "apt-get install ffmpeg") {
		t.Errorf("no ffmpeg: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}
