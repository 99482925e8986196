//go:build cgo && gocv_videoio

package preprocess

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"vigil/capture"
)

// BenchmarkCamera is what happens to a camera's frame before the model: decoding H.264 and preparing, on one thread.
func BenchmarkCamera(b *testing.B) {
	for _, size := range []string{"640x360", "1920x1080"} {
		path := filepath.Join(b.TempDir(), "a.mkv")
		cmd := exec.CommandContext(b.Context(), "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=r=25:d=8:s="+size,
			"-vf", "noise=alls=8:allf=t", "-c:v", "libx264", "-preset", "veryfast", "-b:v", map[string]string{"640x360": "1M", "1920x1080": "4M"}[size], path)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
		defer server.Close()
		for _, way := range []struct {
			name, source string
			prepare      bool
		}{{"as a file", path, true}, {"as a camera", server.URL + "/x", true}, {"as a camera, not prepared", server.URL + "/x", false}} {
			b.Run(size+" "+way.name, func(b *testing.B) {
				addr, err := capture.ParseAddress(way.source)
				if err != nil {
					b.Fatal(err)
				}
				_ = os.Setenv("OPENCV_FFMPEG_THREADS", "1")
				p := NewPreparer(256, nil)
				defer func() { _ = p.Close() }()
				var f capture.Frame
				frames := 0
				for b.Loop() {
					s, err := capture.Open(b.Context(), addr, capture.Options{})
					if err != nil {
						b.Fatal(err)
					}
					for s.Read(b.Context(), &f) == nil {
						frames++
						if way.prepare {
							if _, err := p.PrepareLuma(&f); err != nil {
								b.Fatal(err)
							}
						}
					}
					_ = s.Close()
				}
				b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
			})
		}
	}
}

// BenchmarkShrink is the grey and the fast way from a frame to a picture.
func BenchmarkShrink(b *testing.B) {
	for _, size := range [][2]int{{640, 360}, {1920, 1080}} {
		f := frame(size[0], size[1], 1, func(x, y, _ int) byte { return byte(x * y) })
		for name, prepare := range map[string]func(*Preparer, *capture.Frame) (Picture, error){
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
