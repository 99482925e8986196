//go:build cgo && gocv_videoio

package capture

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"vigil/internal/cameratest"
)

func TestHTTP(t *testing.T) {
	path := clip(t, "a.mkv", 64, 48, 25)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a.mkv", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	mux.HandleFunc("GET /closed", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "geheim" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		http.ServeFile(w, r, path)
	})
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>a web page</html>"))
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	for _, good := range []string{server.URL + "/a.mkv", strings.Replace(server.URL, "://", "://u:geheim@", 1) +
		"/closed"} {
		s := openAddress(t, cameratest.Address(t, good), quick)
		n, _, err := readAll(t, s)
		if n != 25 || !errors.Is(err, ErrLost) || !s.Info().Live {
			t.Errorf("%d frames, then %v", n, err)
		}
	}
	tests := []struct {
		url, want string
		refused   bool
	}{
		{server.URL + "/none", "no such stream (404)", true},
		{server.URL + "/closed", "wants a user name and a password", true},
		{strings.Replace(server.URL, "://", "://u:falsch@", 1) + "/closed", "wrong user name or password", true},
		{server.URL + "/page?token=falsch", "no video in it", false},
		{"http://u:falsch@127.0.0.1:1/x?password=falsch", "connection refused", false},
	}
	for _, tt := range tests {
		_, err := Open(t.Context(), cameratest.Address(t, tt.url), quick)
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrRefused) != tt.refused {
			t.Errorf("%s: %v, want %q", tt.url, err, tt.want)
		}
		if strings.Contains(err.Error(), "falsch") {
			t.Errorf("the error has the password in it: %v", err)
		}
	}
}

// OpenCV and FFmpeg must not write passwords to stderr themselves. Only another process's stderr can be captured, so
// the test runs itself as a subprocess.
func TestStderrHasNoPassword(t *testing.T) {
	urls := []string{
		"rtsp://u:XYZZY@127.0.0.1:1/x", "http://u:XYZZY@127.0.0.1:1/x?token=XYZZY", "http://u:XYZZY@none.invalid/x",
		"https://u:XYZZY@127.0.0.1:1/", "rtsps://u:XYZZY@127.0.0.1:1/x",
	}
	if os.Getenv("VIGIL_TEST_OPEN") != "" {
		for _, u := range urls {
			if _, err := Open(t.Context(), cameratest.Address(t, u), quick); err == nil {
				t.Error("opened")
			}
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStderrHasNoPassword$", "-test.v")
	cmd.Env = append(os.Environ(), "VIGIL_TEST_OPEN=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "XYZZY") {
		t.Errorf("the password is in the output:\n%s", out)
	}
}

// A playlist from a server cannot refer to a local file or to anything else that FFmpeg could open.
func TestPlaylistCannotReadFiles(t *testing.T) {
	path := cameratest.Video(t, "a.ts", "testsrc2=s=64x48:r=25:d=2", "-c:v", "libx264", "-g", "25")
	var piece atomic.Value
	mux := http.NewServeMux()
	mux.HandleFunc("GET /list.m3u8", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
		_, _ = w.Write([]byte("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n" + piece.Load().(string) +
			"\n#EXT-X-ENDLIST\n"))
	})
	mux.HandleFunc("GET /a.ts", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, tt := range []struct {
		piece string
		plays bool
	}{
		{"a.ts", true},
		{"file://" + path, false},
		{path, false},
		{"concat:" + path, false},
		{"subfile,,start,0,end,0,,:" + path, false},
	} {
		piece.Store(tt.piece)
		s, err := Open(t.Context(), cameratest.Address(t, server.URL+"/list.m3u8"), quick)
		if err == nil {
			err = s.Close()
		}
		if (err == nil) != tt.plays {
			t.Errorf("%s: %v", tt.piece, err)
		}
	}
}
