//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/leaktest"
)

// A failed Open returns an error and leaves nothing open, whatever the cause.
func TestOpenLeaksNothing(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	hangsUp, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = hangsUp.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := hangsUp.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	there := hangsUp.Addr().String()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	video := clip(t, "a.mkv", 64, 48, 25)
	for name, c := range map[string]struct {
		ctx   context.Context //nolint:containedctx // one of the inputs of a table
		where string
		o     Options
	}{
		"no file":             {t.Context(), filepath.Join(dir, "none"), Options{}},
		"below a file":        {t.Context(), filepath.Join(write("x", "x"), "y"), Options{}},
		"an empty file":       {t.Context(), write("empty.mkv", ""), Options{}},
		"a text":              {t.Context(), write("text.mkv", "no video"), Options{}},
		"a pipe":              {t.Context(), fifo, Options{}},
		"no pictures":         {t.Context(), filepath.Dir(write("folder/readme", "x")), Options{FolderFPS: 10}},
		"a broken picture":    {t.Context(), filepath.Dir(write("broken/1.png", "x")), Options{FolderFPS: 10}},
		"no device":           {t.Context(), "device:63", Options{}},
		"no camera":           {t.Context(), "rtsp://127.0.0.1:1/x", Options{}},
		"hangs up":            {t.Context(), "rtsp://" + there + "/x", Options{}},
		"hangs up, TLS":       {t.Context(), "rtsps://" + there + "/x", Options{}},
		"hangs up, HTTP":      {t.Context(), "http://" + there + "/x", Options{}},
		"hangs up, OpenCV":    {t.Context(), "http://" + there + "/x", Options{Reader: source.GoCV}},
		"no authority":        {t.Context(), "https://" + there + "/x", Options{Trust: source.Trust{}}},
		"stopped":             {stopped, video, Options{}},
		"stopped, a camera":   {stopped, "rtsp://" + there + "/x", Options{}},
		"a reader of no kind": {t.Context(), "rtsp://" + there + "/x", Options{Reader: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.OpenTimeout = 10 * time.Second
			where := cameratest.Address(t, c.where)
			leaktest.None(t, func() {
				if s, err := Open(c.ctx, where, c.o); err == nil {
					_ = s.Close() // the test has failed
					t.Error("open")
				}
			})
			if !where.IsURL() {
				return
			}
			leaktest.None(t, func() {
				if s, err := OpenPackets(c.ctx, where, c.o); err == nil {
					_ = s.Close() // the test has failed
					t.Error("packets")
				}
			})
		})
	}
	// What FFmpeg's libraries load once remains; an opened file leaves nothing behind.
	leaktest.None(t, func() {
		s, err := Open(t.Context(), cameratest.Address(t, video), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
