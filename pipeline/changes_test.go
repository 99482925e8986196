//go:build cgo && gocv_videoio

package pipeline

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/cameratest"
	"vigil/internal/faultproxy"
	"vigil/internal/rtsptest"
	"vigil/internal/testenv"
)

// mpegts makes a recording to which another one can be appended; in CI ffmpeg must be available.
func mpegts(t *testing.T, size, codec string, seconds int) []byte {
	t.Helper()
	b, err := os.ReadFile(cameratest.Video(t, size+".ts", "testsrc2=r=25:s="+size+":d="+strconv.Itoa(seconds),
		"-c:v", codec, "-g", "25", "-bf", "0"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSizeOrCodecChangeMidStream checks that a camera that changes its picture size or codec in mid-stream is
// reopened, and no clip has pictures of both.
func TestSizeOrCodecChangeMidStream(t *testing.T) {
	first := mpegts(t, "320x240", "libx264", 4)
	for _, c := range []struct {
		name, codec, reason string
	}{
		{"size", "libx264", "the picture was 320x240 and is 640x480"},
		{"coding", "mpeg2video", "the stream broke off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			second := mpegts(t, "640x480", c.codec, 4)
			gone := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "video/mp2t")
				_, _ = w.Write(first)
				_, _ = w.Write(second)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-gone:
				}
			}))
			st := startCameras(t, server.URL+"/live.ts")
			s := st.cameras[0]
			waitFor(t, "the change", func() bool {
				_, details := s.since(0)
				return strings.Contains(details, c.reason)
			})
			st.end(t)
			close(gone)
			server.Close()
			_, details := s.since(0)
			t.Log(details)
			for _, c := range s.clips {
				if c.Width != 320 && c.Width != 640 {
					t.Errorf("a clip of %dx%d", c.Width, c.Height)
				}
			}
		})
	}
}

// TestCodecChange checks that a camera that returns with another codec and size continues as before.
func TestCodecChange(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	st := startCameras(t, server.URL())
	s := st.cameras[0]
	s.waitForPictures(t)
	for _, launch := range []string{
		"( videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=480,framerate=15/1 ! jpegenc ! " +
			"rtpjpegpay name=pay0 pt=26 )",
		"( videotestsrc is-live=true ! video/x-raw,width=352,height=288,framerate=10/1 ! x264enc tune=zerolatency " +
			"key-int-max=10 ! rtph264pay name=pay0 pt=96 )",
	} {
		server.Become(rtsptest.Options{Launch: launch})
		s.waitForPictures(t)
	}
	widths := map[int]bool{}
	waitFor(t, "clips of each size", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.clips {
			widths[c.Width] = true
		}
		return len(widths) == 3
	})
	for _, st := range st.end(t) {
		if st.Failures < 2 {
			t.Errorf("%d failures", st.Failures)
		}
	}
}

// TestReconnections checks that a camera that fails repeatedly leaks no goroutine, file or process. Each round takes a
// second, mostly for loading OpenCV's libraries in the worker.
func TestReconnections(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	times := 20
	if os.Getenv("VIGIL_LONG") != "" {
		times = 100
	}
	// Many pictures and key frames, since waiting for them takes most of the time.
	server := rtsptest.Start(t,
		rtsptest.Options{
			Launch: "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=50/1 ! " +
				"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay name=pay0 pt=96 )",
		})
	proxy := faultproxy.Start(t, server.URL(), 1)
	st := startCamerasWith(t, func(c *Camera) { c.RetryMin, c.RetryMax = time.Millisecond, time.Millisecond },
		proxy.URL(server.URL()))
	s := st.cameras[0]
	s.waitForPictures(t)
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	began := time.Now()
	for range times {
		mark := s.mark()
		proxy.Cut()
		waitFor(t, "the failure",
			func() bool { states, _ := s.since(mark); return strings.Contains(states, "failing") })
		before := s.pics.Load()
		waitFor(t, "the next picture", func() bool { return s.pics.Load() > before+1 })
	}
	t.Logf("%d reconnections, %.1f s each; files %d then %d, goroutines %d then %d", times,
		time.Since(began).Seconds()/float64(times),
		files, openFiles(t), goroutines, runtime.NumGoroutine())
	if n := openFiles(t); n > files+4 {
		t.Errorf("%d files are open, %d were", n, files)
	}
	if n := runtime.NumGoroutine(); n > goroutines+6 {
		t.Errorf("%d goroutines, there were %d", n, goroutines)
	}
	stats := st.end(t)
	if f := stats[0]; f.Failures < uint64(times) || f.States[alerts.StateLive] < uint64(times) {
		t.Errorf("%d failures, %d times live", f.Failures, f.States[alerts.StateLive])
	}
	if n := countWorkers(t); n != 0 {
		t.Errorf("%d workers are left", n)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		testenv.Missing(t, "no /proc here")
	}
	return len(entries)
}

// countWorkers counts this process's workers.
func countWorkers(t *testing.T) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has exited meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) &&
			strings.Contains(string(line), "camera-process") {
			n++
		}
	}
	return n
}
