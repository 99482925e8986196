//go:build cgo && gocv_videoio

package worker

import (
	"errors"
	web "net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"vigil/capture"
	"vigil/internal/cameratest"
	"vigil/video"
)

// TestDecodeErrors checks that the worker reports damaged frames, also those after its last picture.
func TestDecodeErrors(t *testing.T) {
	data, err := os.ReadFile(cameratest.Video(t, "a.ts", "testsrc2=s=160x120:r=25:d=4", "-c:v", "libx264", "-g", "1000",
		"-bf", "0"))
	if err != nil {
		t.Fatal(err)
	}
	for at := len(data) * 9 / 10; at < len(data); at += 47 {
		if at%188 > 8 { // the header of the packet stays
			data[at] ^= 0xff
		}
	}
	server := httptest.NewServer(web.HandlerFunc(func(w web.ResponseWriter, _ *web.Request) {
		_,
			_ = w.Write(data)
	}))
	defer server.Close()
	p, err := Start(t.Context(), Options{
		Address: cameratest.Address(t, server.URL+"/x"), OpenTimeout: 30 * time.Second, ReadTimeout: 10 * time.Second,
		Side: 32,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	var last video.Picture
	for err == nil {
		var pic video.Picture
		if pic, err = p.Next(t.Context()); err == nil {
			last = pic
		}
	}
	if d := p.DecodeErrors(); !errors.Is(err, capture.ErrLost) || d.Frames == 0 || last.Seq > 95 {
		t.Errorf("the last picture is number %d, then %v, and %+v", last.Seq, err, d)
	}
}
