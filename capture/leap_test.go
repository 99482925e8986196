//go:build cgo && gocv_videoio

package capture

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/video"
)

// leapingRecording is an FLV of 50 frames at 25 a second; every tenth has a timestamp 37600 s ahead.
func leapingRecording(t *testing.T) (path string, data []byte) {
	t.Helper()
	data, err := os.ReadFile(cameratest.Video(t, "a.flv", "testsrc2=s=64x48:r=25:d=2", "-c:v", "flv", "-g", "10"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	eachTag(data, func(tag []byte) {
		if tag[0] != 9 {
			return
		}
		if n++; n%10 == 0 {
			setTagTime(tag, tagTime(tag)+37_600_000)
		}
	})
	path = filepath.Join(t.TempDir(), "leap.flv")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, data
}

// eachTag calls visit with each tag of an FLV, including the tag size that follows it.
func eachTag(data []byte, visit func([]byte)) {
	for i := 13; i+15 <= len(data); {
		size := 11 + int(binary.BigEndian.Uint32(data[i:])&0xffffff) + 4
		visit(data[i : i+size])
		i += size
	}
}

func tagTime(tag []byte) uint32 { return binary.BigEndian.Uint32(tag[4:])>>8 | uint32(tag[7])<<24 }

func setTagTime(tag []byte, ms uint32) {
	tag[4], tag[5], tag[6], tag[7] = byte(ms>>16), byte(ms>>8), byte(ms), byte(ms>>24)
}

// Leaps in a live source's timestamps have no effect. In a recording they are cuts, and paced playback does not wait
// for them.
func TestTimestampLeaps(t *testing.T) {
	path, data := leapingRecording(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file.flv" {
			http.ServeFile(w, r, path)
			return
		}
		began := time.Now()
		_, _ = w.Write(data[:13])
		eachTag(data, func(tag []byte) {
			at := time.Duration(tagTime(tag)%37_600_000) * time.Millisecond
			time.Sleep(time.Until(began.Add(at))) // as a camera does
			_, _ = w.Write(tag)
			w.(http.Flusher).Flush()
		})
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name, source string
		o            Options
		cuts         int
		note         string
	}{
		{"live", server.URL + "/live.flv", quick, 0, "which contradicts the arrival of its pictures"},
		{"file", path, Options{Realtime: true}, 5, "treated as a gap"},
		{"served file", server.URL + "/file.flv", quick, 5, "treated as a gap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(t.Context(), cameratest.Address(t, tt.source), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			var f video.Frame
			var n, cuts int
			for err = s.Read(t.Context(), &f); err == nil; err = s.Read(t.Context(), &f) {
				if want := time.Duration(n) * 40 * time.Millisecond; f.PTS != want {
					t.Fatalf("frame %d is at %v, want %v", n, f.PTS, want)
				}
				if f.Discontinuity {
					cuts++
				}
				n++
			}
			if n != 50 || cuts != tt.cuts || !errors.Is(err, io.EOF) && !errors.Is(err, ErrLost) {
				t.Errorf("%d frames, %d cuts, then %v", n, cuts, err)
			}
			if notes := s.Notes(); len(notes) != 1 || !strings.Contains(notes[0], tt.note) {
				t.Errorf("notes %q", notes)
			}
		})
	}
}
