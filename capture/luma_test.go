//go:build cgo && gocv_videoio

package capture

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"vigil/internal/cameratest"
	"vigil/video"
)

// A camera's grey frames, taken from the decoder's luma, equal OpenCV's grey conversion of the colour frames except for
// the rounding to BGR and back. This matters because networks are trained on recordings and run on cameras.
func TestLumaMatchesOpenCV(t *testing.T) {
	for _, c := range []struct {
		name, file string
		args       []string
	}{
		{"limited range", "a.mkv", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-qp", "18"}},
		{"full range", "b.mkv", []string{"-c:v", "libx264", "-pix_fmt", "yuvj420p", "-qp", "18"}},
		{"motion JPEG", "c.mkv", []string{"-c:v", "mjpeg", "-q:v", "2"}},
		{"4:2:2", "d.mkv", []string{"-c:v", "libx264", "-pix_fmt", "yuv422p", "-qp", "18"}},
		{"ten bits", "e.mkv", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p10le", "-qp", "18"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := cameratest.Video(t, c.file, "testsrc2=s=322x242:r=25:d=0.4", c.args...)
			server := httptest.NewServer(
				http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
			defer server.Close()
			file, url := openAddress(t, cameratest.Address(t, path), quick),
				openAddress(t, cameratest.Address(t, server.URL+"/x"), quick)
			var sum, worst, n int
			var a, b video.Frame
			for i := range 10 {
				if err := file.Read(t.Context(), &a); err != nil {
					t.Fatal(err)
				}
				if err := url.Read(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				if a.Width != b.Width || a.Height != b.Height || b.Channels != 1 || a.PTS != b.PTS {
					t.Fatalf("frame %d: %dx%d at %v and %dx%d at %v", i, a.Width, a.Height, a.PTS, b.Width,
						b.Height, b.PTS)
				}
				for j, got := range b.Pix {
					p := a.Pix[3*j:]
					want := (1868*int(p[0]) + 9617*int(p[1]) + 4899*int(p[2]) + 8192) >> 14
					d := max(int(got)-want, want-int(got))
					sum, worst, n = sum+d, max(worst, d), n+1
				}
			}
			mean := float64(sum) / float64(n)
			t.Logf("mean difference %.3f grey levels, worst %d", mean, worst)
			if mean > 1 {
				t.Errorf("mean difference %.3f grey levels", mean)
			}
			color := make([]byte, 160*120*3)
			if ok, err := url.Color(color, 160, 120); !ok || err != nil {
				t.Errorf("in colour: %v, %v", ok, err)
			}
		})
	}
}
