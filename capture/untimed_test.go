//go:build cgo && gocv_videoio

package capture

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
	"vigil/capture/source"
	"vigil/video"
)

// A live source whose pictures have no times has those of arrival, and not the 25 a second that FFmpeg counts: here
// they come as fast as they are read. What a server has as a file has the rate that it is counted by.
func TestTimesOfPicturesWithoutAny(t *testing.T) {
	const pictures = 400 // 16 s as FFmpeg counts
	mjpeg := ffmpeg(t, "a.mjpeg", "testsrc2=s=64x48:r=25:d=16")
	one := jpegOf(t, 64, 48)
	mux := http.NewServeMux()
	mux.HandleFunc("/parts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=x")
		for range pictures {
			fmt.Fprintf(w, "--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(one), one)
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
				continue // OpenCV does not say how long a raw stream is
			}
			t.Run(tt.path[1:]+" by "+reader, func(t *testing.T) {
				o := quick
				o.Reader = reader
				s, err := Open(t.Context(), address(t, server.URL+tt.path), o)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if fps := s.Info().FPS; (fps != 0) != tt.counted {
					t.Errorf("the rate is said to be %g", fps)
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
				if off := (f.PTS - passed).Abs(); !tt.counted && off > longestLag {
					t.Errorf("%v by their times, %v by the clock", f.PTS, passed)
				}
				if want := 15 * time.Second; tt.counted && f.PTS < want {
					t.Errorf("%v by their times, want over %v", f.PTS, want)
				}
			})
		}
	}
}

// What is damaged in a camera's stream is left out of a recording too, and is no reason to open the camera again.
func TestPacketsBehindDamage(t *testing.T) {
	one := jpegOf(t, 64, 48)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=x")
		for i := 0; i < 200000 && r.Context().Err() == nil; i++ {
			length := len(one)
			if i%10 == 9 {
				length += 100 // a part of the next picture is taken for the end of this one
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
	s, err := OpenPackets(t.Context(), address(t, server.URL), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.paced = true // all of them are there at once
	var p Packet
	for i := range 50 {
		if err := s.Read(t.Context(), &p); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
}
