//go:build cgo && gocv_videoio

package capture

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/video"
)

// A live source without timestamps gets arrival times instead of FFmpeg's 25 frames a second; here frames arrive as
// fast as they are read. A file on a server keeps its nominal rate.
func TestFramesWithoutTimestamps(t *testing.T) {
	const pictures = 400 // 16 s at FFmpeg's invented rate
	mjpeg := cameratest.Video(t, "a.mjpeg", "testsrc2=s=64x48:r=25:d=16")
	one := jpegOf(t, 64, 48)
	mux := http.NewServeMux()
	mux.HandleFunc("/parts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", cameratest.MotionJPEGType)
		for range pictures {
			_ = cameratest.WriteJPEG(w, one)
		}
	})
	mux.HandleFunc("/file.mjpeg", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, mjpeg) })
	server := httptest.NewServer(mux)
	defer server.Close()
	tests := []struct {
		path    string
		counted bool
	}{{"/parts", false}, {"/file.mjpeg", true}}
	for _, reader := range []string{source.FFmpeg, source.GoCV} {
		for _, tt := range tests {
			if reader == source.GoCV && tt.counted {
				continue // OpenCV does not report the length of a raw stream
			}
			t.Run(tt.path[1:]+" by "+reader, func(t *testing.T) {
				o := quick
				o.Reader = reader
				s, err := Open(t.Context(), cameratest.Address(t, server.URL+tt.path), o)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if fps := s.Info().FPS; (fps != 0) != tt.counted {
					t.Errorf("the rate is %g", fps)
				}
				var f video.Frame
				var began time.Time
				for i := range pictures - 10 {
					if err := s.Read(t.Context(), &f); err != nil {
						t.Fatalf("picture %d: %v", i, err)
					}
					if i == 0 {
						began = f.Arrival
					}
				}
				passed := f.Arrival.Sub(began)
				if off := (f.PTS - passed).Abs(); !tt.counted && off > maxLag {
					t.Errorf("%v by their times, %v by the clock", f.PTS, passed)
				}
				if want := 15 * time.Second; tt.counted && f.PTS < want {
					t.Errorf("%v by their times, want over %v", f.PTS, want)
				}
			})
		}
	}
}

// Damaged packets are dropped from a recording too, and do not cause a reconnect.
func TestPacketsAfterDamage(t *testing.T) {
	one := jpegOf(t, 64, 48)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", cameratest.MotionJPEGType)
		for i := 0; i < 200000 && r.Context().Err() == nil; i++ {
			length := len(one)
			if i%10 == 9 {
				length += 100 // part of the next frame is taken for the end of this one
			}
			if _, err := fmt.Fprintf(w, "--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", length,
				one); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	o := quick
	o.ReadTimeout = time.Minute
	s, err := OpenPackets(t.Context(), cameratest.Address(t, server.URL), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.paced = true // all packets are available at once
	var p Packet
	for i := range 50 {
		if err := s.Read(t.Context(), &p); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
}
