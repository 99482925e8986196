//go:build cgo && gocv_videoio

package worker

import (
	web "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"vigil/internal/cameratest"
)

// TestLateKeyFrame checks that a camera whose first key frame comes later than the read timeout does not time out, and
// the worker's notes are passed on.
func TestLateKeyFrame(t *testing.T) {
	whole, err := os.ReadFile(cameratest.Video(t, "a.ts", "testsrc2=s=64x48:r=10:d=60", "-vf", "noise=alls=6:allf=t",
		"-c:v", "libx264", "-preset", "ultrafast", "-x264opts", "keyint=2000:scenecut=0:bframes=0", "-pix_fmt",
		"yuv420p", "-flags", "+global_header", "-bsf:v", "dump_extra=freq=all"))
	if err != nil {
		t.Fatal(err)
	}
	const packet = 188
	from := len(whole) / packet / 4 * packet // in the middle of its only group of pictures
	server := httptest.NewServer(web.HandlerFunc(func(w web.ResponseWriter, _ *web.Request) {
		_, _ = w.Write(whole[:3*packet])
		for data := whole[from:]; len(data) > 0; time.Sleep(50 * time.Millisecond) { // as a camera does
			n := min(len(data), len(whole)/80)
			_, _ = w.Write(data[:n])
			w.(web.Flusher).Flush()
			data = data[n:]
		}
		_, _ = w.Write(whole)
	}))
	defer server.Close()
	addr := cameratest.Address(t, server.URL+"/x")
	var notes []string
	p, err := Start(t.Context(), Options{
		Address: addr, OpenTimeout: 30 * time.Second, ReadTimeout: time.Second, Side: 32,
		Note: func(note string) { notes = append(notes, note) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if _, err := p.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(notes) == 0 || !strings.Contains(notes[0], "packets arrive, but no key frame within 1s") {
		t.Errorf("notes %q", notes)
	}
}
