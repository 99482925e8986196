//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// times returns the PTS of all frames in milliseconds.
func times(t *testing.T, path string) []int {
	t.Helper()
	s := openAddress(t, cameratest.Address(t, path), Options{})
	var out []int
	var f video.Frame
	for {
		err := s.Read(t.Context(), &f)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, int(f.PTS.Milliseconds()))
	}
}

// A file's stream times are right up to the last frame, although the decoder reorders frames and containers omit
// timestamps.
func TestTimes(t *testing.T) {
	const pattern = "testsrc2=s=64x48:r=10:d=3"
	reorder := []string{"-c:v", "libx264", "-bf", "3"}
	tests := map[string]string{
		"B-frames, mp4":       cameratest.Video(t, "a.mp4", pattern, reorder...),
		"B-frames, mkv":       cameratest.Video(t, "a.mkv", pattern, reorder...),
		"B-frames, ts":        cameratest.Video(t, "a.ts", pattern, reorder...),
		"B-frames, avi":       cameratest.Video(t, "a.avi", pattern, "-c:v", "mpeg4", "-bf", "2"),
		"no B-frames":         cameratest.Video(t, "a.mkv", pattern, "-c:v", "libx264", "-bf", "0"),
		"no times: raw H.264": cameratest.Video(t, "a.h264", pattern, reorder...),
		"sound, half a second on": cameratest.Video(t, "a.mkv", pattern, "-f", "lavfi", "-i",
			"sine=duration=3.4", "-c:v",
			"libx264"),
	}
	for name, path := range tests {
		got := times(t, path)
		if len(got) != 30 {
			t.Errorf("%s: %d frames", name, len(got))
		}
		for i, ms := range got {
			if ms != 100*i {
				t.Errorf("%s: %v", name, got)
				break
			}
		}
	}
}

func TestTimesOfVariableRate(t *testing.T) {
	path := cameratest.Video(t, "a.mkv", "testsrc2=s=64x48:r=10:d=3", "-vf", "select='not(between(n,3,5))'",
		"-vsync", "vfr",
		"-c:v", "libx264", "-bf", "3")
	got := times(t, path)
	if len(got) != 27 || got[2] != 200 || got[3] != 600 || got[26] != 2900 {
		t.Errorf("%d frames at %v", len(got), got)
	}
}

// Two recordings in one file: the time goes back exactly at the joint, although it goes back to zero, which a decoder
// also reports for a missing timestamp.
func TestTimesOfTwoRecordings(t *testing.T) {
	a := cameratest.Video(t, "a.ts", "testsrc2=s=64x48:r=10:d=3", "-c:v", "libx264", "-bf", "0")
	one, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	both := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(both, append(one, one...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := times(t, both)
	if len(got) < 59 || got[29] != 2900 || got[30] >= 100 {
		t.Errorf("%d frames at %v", len(got), got)
	}
}

func TestRealtime(t *testing.T) {
	s := openAddress(t, cameratest.Address(t, clip(t, "a.avi", 64, 48, 6)), Options{Realtime: true})
	began := time.Now()
	if n, _, err := readAll(t, s); n != 6 || !errors.Is(err, io.EOF) {
		t.Errorf("%d frames, then %v", n, err)
	}
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("half a second of video took %v", took)
	}
}

// A recording played by a server yields the same frames, then ends.
func TestRTSPFile(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{File: clip(t, "a.mkv", 320, 240, 25)})
	n, last, err := readAll(t, openAddress(t, cameratest.Address(t, server.URL()), quick))
	if n < 20 || !errors.Is(err, ErrLost) || last.Width != 320 {
		t.Errorf("%d frames, the last at %v, then %v", n, last.PTS, err)
	}
}

// A live source marks each frame that equals the previous one; a recording of a still scene must not be mistaken for a
// camera that hangs.
func TestRepeatedFrame(t *testing.T) {
	black := rtsptest.Start(t, rtsptest.Options{Launch: "( videotestsrc is-live=true pattern=black ! " +
		"video/x-raw,width=320,height=240,framerate=25/1 ! x264enc tune=zerolatency ! rtph264pay name=pay0 pt=96 )"})
	ball := rtsptest.Start(t, rtsptest.Options{})
	for _, c := range []struct {
		url         string
		least, most int
	}{{black.URL(), 15, 19}, {ball.URL(), 0, 0}} {
		s := openAddress(t, cameratest.Address(t, c.url), quick)
		var f video.Frame
		same := 0
		for range 20 {
			if err := s.Read(t.Context(), &f); err != nil {
				t.Fatal(err)
			}
			if f.Same {
				same++
			}
		}
		if same < c.least || same > c.most {
			t.Errorf("%d of 20 pictures are the same as before, want %d to %d", same, c.least, c.most)
		}
	}
}
