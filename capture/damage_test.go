//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"vigil/internal/cameratest"
	"vigil/video"
)

// TestDecodeErrors checks that damaged frames are counted, and that exactly those that are left out have a number.
func TestDecodeErrors(t *testing.T) {
	const length = 100
	h264, err := os.ReadFile(cameratest.Video(t, "a.ts", "testsrc2=s=160x120:r=25:d=4", "-c:v", "libx264", "-g", "25",
		"-bf", "0"))
	if err != nil {
		t.Fatal(err)
	}
	mjpeg, err := os.ReadFile(cameratest.Video(t, "a.mkv", "testsrc2=s=160x120:r=25:d=4", "-c:v", "mjpeg"))
	if err != nil {
		t.Fatal(err)
	}
	slices := bytes.Clone(h264)
	for at := len(slices) / 2; at < len(slices)/2+3*188; at += 47 {
		if at%188 > 8 { // the header of the packet stays
			slices[at] ^= 0xff
		}
	}
	headers := bytes.Clone(mjpeg)
	for n, at := 0, 0; ; n++ {
		next := bytes.Index(headers[at:], []byte{0xff, 0xc0}) // the size of a picture
		if next < 0 {
			break
		}
		at += next + 2
		if n == 10 || n == 50 || n == 51 {
			headers[at+2] = 0xff // no such precision
		}
	}
	for name, test := range map[string]struct {
		data         []byte
		left, packet bool
	}{
		"h264": {h264, false, false}, "mjpeg": {mjpeg, false, false},
		"damaged h264": {slices, true, false}, "damaged mjpeg": {headers, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(test.data)
			}))
			defer server.Close()
			s := openAddress(t, cameratest.Address(t, server.URL+"/x"), quick)
			var f video.Frame
			n, next, err := uint64(0), uint64(0), error(nil)
			for err = s.Read(t.Context(), &f); err == nil; err = s.Read(t.Context(), &f) {
				n, next = n+1, f.Seq+1
			}
			if !errors.Is(err, ErrLost) {
				t.Errorf("ends with %v", err)
			}
			d := s.DecodeErrors()
			t.Logf("%d frames, the last is number %d, %+v", n, next-1, d)
			if (d.Frames > 0) != test.left || (d.Packets > 0) != test.packet {
				t.Errorf("%+v, want damaged frames: %v, packets without a frame: %v", d, test.left, test.packet)
			}
			if n+d.Frames != next || n+d.Total() != length {
				t.Errorf("%d frames of %d, the last is number %d, and %+v", n, length, next-1, d)
			}
		})
	}
}
