//go:build cgo && gocv_videoio && unix

package evidence

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/testenv"
)

// page plays the clip and reports the result.
const page = `<html><body><video id="v" muted src="clip.mp4"></video><script>
const v = document.getElementById('v'), report = what => fetch('/result?' + new URLSearchParams(what));
v.onended = () => report({ended: v.currentTime, duration: v.duration, width: v.videoWidth, height: v.videoHeight, frames: v.getVideoPlaybackQuality().totalVideoFrames});
v.onerror = () => report({error: v.error.message});
v.play().catch(e => report({error: e}));
</script></body></html>`

// A real browser plays a clip from its first picture to its last.
func TestClipPlaysInBrowser(t *testing.T) {
	browser := testenv.Tool(t, "chromium")
	var pictures [][]byte
	for i := range 15 {
		pictures = append(pictures, testJPEG(t, 641, 361, i))
	}
	clip, err := processEncoder(t, "encode").Encode(alerttest.Within(t), pictures, clipFPS)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan url.Values, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			_, _ = w.Write([]byte(page))
		case "/clip.mp4":
			w.Header().Set("Content-Type", "video/mp4")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(clip))
		case "/result":
			results <- r.URL.Query()
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	// Not the test's own folder: a browser process that exits a moment later may still write there.
	profile, err := os.MkdirTemp("", "vigil-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu",
		"--autoplay-policy=no-user-gesture-required",
		"--remote-debugging-port=0", "--user-data-dir="+profile, server.URL)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = os.RemoveAll(profile)
	}()
	select {
	case how := <-results:
		number := func(name string) float64 {
			f, err := strconv.ParseFloat(how.Get(name), 64)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return f
		}
		if how.Has("error") {
			t.Fatalf("the browser reports %q", how.Get("error"))
		}
		if number("duration") != 3 || number("ended") != 3 || number("width") != 640 || number("height") != 360 ||
			number("frames") < 10 {
			t.Errorf("it played %v, want 3 s of 640x360 to the end", how)
		}
	case <-alerttest.Within(t).Done():
		t.Fatalf("the browser did not play it:\n%s", &stderr)
	}
}
