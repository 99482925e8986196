//go:build cgo && gocv_videoio

package preprocess

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"vigil/capture"
	"vigil/internal/cameratest"
	"vigil/video"
)

// endlessStream serves a camera's H.264 without end, as fast as it is read.
func endlessStream(b *testing.B, size, rate string) *httptest.Server {
	b.Helper()
	path := cameratest.Video(b, "a.ts", "testsrc2=r=25:d=8:s="+size,
		"-vf", "noise=alls=8:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-b:v", rate)
	stream, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(stream); err != nil {
				return
			}
		}
	}))
	b.Cleanup(server.Close)
	return server
}

// BenchmarkCamera measures a camera's frame up to the model, and the decoder's share of it, in processor time of all
// threads, including the sender's.
func BenchmarkCamera(b *testing.B) {
	for size, rate := range map[string]string{"640x360": "1M", "1920x1080": "4M"} {
		server := endlessStream(b, size, rate)
		for _, prepare := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s prepared=%v", size, prepare), func(b *testing.B) {
				addr := cameratest.Address(b, server.URL+"/x.ts")
				p := NewPreparer(256, nil)
				defer func() { _ = p.Close() }()
				s, err := capture.Open(b.Context(), addr, capture.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				var f video.Frame
				before := cpuTime(b)
				for b.Loop() {
					if err := s.Read(b.Context(), &f); err != nil {
						b.Fatal(err)
					}
					if prepare {
						if _, err := p.PrepareLuma(&f); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(b.N)/(cpuTime(b)-before).Seconds(), "frames/cpu-s")
			})
		}
	}
}

// cpuTime returns the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkShrink compares Prepare and PrepareLuma.
func BenchmarkShrink(b *testing.B) {
	for _, size := range [][2]int{{640, 360}, {1920, 1080}} {
		f := frame(size[0], size[1], 1, func(x, y, _ int) byte { return byte(x * y) })
		for name, prepare := range map[string]func(*Preparer, *video.Frame) (video.Picture, error){
			"OpenCV": (*Preparer).Prepare, "luma": (*Preparer).PrepareLuma,
		} {
			b.Run(fmt.Sprintf("%dx%d %s", size[0], size[1], name), func(b *testing.B) {
				p := NewPreparer(256, nil)
				defer func() { _ = p.Close() }()
				for b.Loop() {
					if _, err := prepare(p, f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
