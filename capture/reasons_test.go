//go:build cgo && gocv_videoio

package capture

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// The error for a source without video describes the source instead of FFmpeg's error code.
func TestReasons(t *testing.T) {
	picture, tone := jpegOf(t, 64, 48), sound(t, "a.mp3")
	mux := http.NewServeMux()
	snapshot := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(picture))
	}
	mux.HandleFunc("/snap.jpg", snapshot)
	mux.HandleFunc("/cgi-bin/snap", snapshot)
	mux.HandleFunc("/a.mp3", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, tone) })
	for path, challenge := range map[string]string{
		"/ntlm": "NTLM",
		"/sha":  `Digest realm="x", qop="auth", algorithm=SHA-256, nonce="y"`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	login := strings.Replace(server.URL, "://", "://viewer:geheim@", 1)
	mute := rtsptest.Start(t,
		rtsptest.Options{
			Launch: "( audiotestsrc is-live=true ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! " +
				"mulawenc ! rtppcmupay name=pay0 pt=97 )",
		})
	tests := []struct {
		name, url string
		kind      error
		want      string
	}{
		{"a snapshot", server.URL + "/snap.jpg", ErrLost, "a single picture and no stream"},
		{"a snapshot by a script", server.URL + "/cgi-bin/snap?channel=1", ErrLost, "a single picture and no stream"},
		{"sound by http", server.URL + "/a.mp3", errNoVideo, "sound only"},
		{"sound by rtsp", mute.URL(), errNoVideo, "sound only"},
		{"NTLM", login + "/ntlm", ErrRefused, "by NTLM, which vigil does not support"},
		{"digest with SHA-256", login + "/sha", ErrRefused, "by Digest with SHA-256, which vigil does not support"},
		{"no login", server.URL + "/sha", ErrRefused, "wants a user name and a password"},
	}
	for _, reader := range []string{source.FFmpeg, source.GoCV} {
		for _, tt := range tests {
			if reader == source.GoCV && !errors.Is(tt.kind, ErrRefused) && tt.name != "sound by rtsp" {
				continue // OpenCV does not report what it found
			}
			t.Run(tt.name+" by "+reader, func(t *testing.T) {
				o := quick
				o.Reader = reader
				s, err := Open(t.Context(), cameratest.Address(t, tt.url), o)
				if err == nil {
					var f video.Frame
					for err == nil {
						err = s.Read(t.Context(), &f)
					}
					_ = s.Close()
				}
				if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) ||
					strings.Contains(err.Error(), "geheim") {
					t.Errorf("%v, want %q", err, tt.want)
				}
			})
		}
	}
}

// withoutKeyFrame returns an MPEG-TS cut in the middle of its only group of pictures, and the whole of it.
func withoutKeyFrame(t *testing.T) (middle, whole []byte) {
	t.Helper()
	whole, err := os.ReadFile(cameratest.Video(t, "a.ts", "testsrc2=s=64x48:r=10:d=60", "-vf",
		"noise=alls=6:allf=t", "-c:v",
		"libx264", "-preset", "ultrafast",
		"-x264opts", "keyint=2000:scenecut=0:bframes=0", "-pix_fmt", "yuv420p", "-flags", "+global_header", "-bsf:v",
		"dump_extra=freq=all"))
	if err != nil {
		t.Fatal(err)
	}
	const packet = 188
	n := len(whole) / packet
	return append(bytes.Clone(whole[:3*packet]), whole[n/4*packet:]...), whole
}

// While packets arrive, Read waits for the first key frame for longer than the read timeout. If none comes, the error
// says so.
func TestNoKeyFrame(t *testing.T) {
	middle, whole := withoutKeyFrame(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send := func(data []byte, pieces int, pause time.Duration) {
			for ; len(data) > 0 && r.Context().Err() == nil; time.Sleep(pause) { // as a camera does
				n := min(len(data), len(middle)/pieces)
				_, _ = w.Write(data[:n])
				w.(http.Flusher).Flush()
				data = data[n:]
			}
		}
		if r.URL.Path == "/late" {
			send(middle, 40, 50*time.Millisecond)
			send(whole, 10, 0)
			return
		}
		send(middle, 200, 50*time.Millisecond)
	}))
	t.Cleanup(server.Close)
	o := Options{OpenTimeout: 20 * time.Second, ReadTimeout: 500 * time.Millisecond}
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		var notes []string
		o := o
		o.Waiting = func(note string) { notes = append(notes, note) }
		s := openAddress(t, cameratest.Address(t, server.URL+"/never"), o)
		var f video.Frame
		err := s.Read(t.Context(), &f)
		if !errors.Is(err, ErrLost) ||
			!strings.Contains(err.Error(), "no key frame came within 3s, although video did") {
			t.Error(err)
		}
		if len(notes) != KeyFrameWaits-1 ||
			!strings.Contains(notes[0], "no key frame within 500ms: waiting for one up to 3s") {
			t.Errorf("notes %q", notes)
		}
	})
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		s := openAddress(t, cameratest.Address(t, server.URL+"/late"), o)
		var f video.Frame
		if err := s.Read(t.Context(), &f); err != nil {
			t.Error(err)
		}
	})
}
