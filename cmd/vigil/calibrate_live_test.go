//go:build cgo && gocv_videoio

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/pipeline/calibrate"
)

// motionJPEG is a camera that sends moving pictures one by one, over all of its connections; size says of which size
// each is.
func motionJPEG(t *testing.T, every time.Duration, size func(picture int) (width, height int)) string {
	t.Helper()
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=x")
		tick := time.NewTicker(every)
		defer tick.Stop()
		for r.Context().Err() == nil {
			i := int(sent.Add(1))
			width, height := size(i)
			img := image.NewGray(image.Rect(0, 0, width, height))
			for y := range height {
				img.SetGray((i+y)%width, y, color.Gray{Y: 255})
			}
			var b bytes.Buffer
			if err := jpeg.Encode(&b, img, nil); err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(w, "--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", b.Len(), b.Bytes())
			w.(http.Flusher).Flush()
			<-tick.C
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A live camera whose pictures are of another size for a while does not cost what was seen before: these clips are
// left out.
func TestCalibrateWhileTheSizeChanges(t *testing.T) {
	record := filepath.Join(t.TempDir(), "gate.json")
	url := motionJPEG(t, 10*time.Millisecond, func(i int) (int, int) {
		if i >= 80 && i < 180 {
			return 80, 64
		}
		return 64, 48
	})
	out := mustVigil(t, "calibrate", url, "--for", "14s", "-m", tinyWeights(t), "--camera", "gate", "--hop", "1",
		"-o", record)
	if !strings.Contains(out, "clips of pictures of another size") {
		t.Errorf("nothing says what was left out:\n%s", out)
	}
	cal, err := calibrate.Read(record)
	if err != nil {
		t.Fatal(err)
	}
	if cal.Key.Width != 64 || cal.Key.Height != 48 || cal.Excluded.Sizes == 0 {
		t.Errorf("%+v, left out %+v", cal.Key, cal.Excluded)
	}
}
