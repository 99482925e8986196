//go:build cgo && gocv_videoio

package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/video"
)

// otherHost is a server on another host than the camera's, 127.0.0.2.
type otherHost struct {
	*httptest.Server
	connections atomic.Int32
}

func newOtherHost(t *testing.T, serve http.Handler) *otherHost {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &otherHost{}
	o.Server = &httptest.Server{Listener: l, Config: &http.Server{
		Handler: serve, ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				o.connections.Add(1)
			}
		},
	}}
	o.Start()
	t.Cleanup(o.Close)
	return o
}

// readOn opens an address and reads frames until an error or a time limit.
func readOn(ctx context.Context, addr source.Address, o Options) (frames int, err error) {
	s, err := Open(ctx, addr, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var f video.Frame
	for ; frames < 1000; frames++ {
		if err := s.Read(ctx, &f); err != nil {
			return frames, err
		}
	}
	return frames, nil
}

func TestGuard(t *testing.T) {
	g, err := newGuard(cameratest.Address(t, "http://127.0.0.1/"), Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.free()
}

// However a camera refers other by HTTP, neither reader connects to a host that is not listed.
func TestOtherHostsAreRefused(t *testing.T) {
	segment := cameratest.Video(t, "a.ts", "testsrc2=s=160x120:r=10:d=3", "-c:v", "libx264", "-g", "10", "-f", "mpegts")
	pieces := http.FileServer(http.Dir(filepath.Dir(segment)))
	playlist := func(lines ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
			fmt.Fprint(w, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n"+strings.Join(lines, "\n")+
				"\n#EXT-X-ENDLIST\n")
		}
	}
	text := func(kind, s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, s)
		}
	}
	for _, c := range []struct {
		name, path string
		serve      func(other string) http.HandlerFunc
		namesKey   bool // the error must name the configuration key
	}{
		{"redirect", "/x.ts", func(o string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, o+"/a.ts", http.StatusFound) }
		}, true},
		{"redirect for good", "/x.ts", func(o string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, o+"/a.ts", http.StatusPermanentRedirect)
			}
		}, true},
		{
			"a playlist's piece", "/x.m3u8",
			func(o string) http.HandlerFunc { return playlist("#EXTINF:3,", o+"/a.ts") },
			true,
		},
		{"a playlist's playlist", "/x.m3u8", func(o string) http.HandlerFunc {
			return playlist("#EXT-X-STREAM-INF:BANDWIDTH=1000", o+"/b.m3u8")
		}, true},
		{"a playlist's key", "/x.m3u8", func(o string) http.HandlerFunc {
			return playlist(`#EXT-X-KEY:METHOD=AES-128,URI="`+o+`/key"`, "#EXTINF:3,", "a.ts")
		}, true},
		{"a piece that redirects", "/x.m3u8", func(o string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ".ts") {
					http.Redirect(w, r, o+"/a.ts", http.StatusFound)
					return
				}
				playlist("#EXTINF:3,", "piece.ts")(w, r)
			}
		}, true},
		{"ffconcat", "/x.ffconcat", func(o string) http.HandlerFunc {
			return text("text/plain", "ffconcat version 1.0\nfile "+o+"/a.ts\n")
		}, false},
		{"a session description", "/x.sdp", func(o string) http.HandlerFunc {
			host, port, _ := net.SplitHostPort(strings.TrimPrefix(o, "http://"))
			return text("application/sdp", "v=0\r\no=- 0 0 IN IP4 "+host+"\r\ns=x\r\nc=IN IP4 "+host+
				"\r\nt=0 0\r\nm=video "+port+" RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
		}, false},
		{"DASH", "/x.mpd", func(o string) http.HandlerFunc {
			return text("application/dash+xml",
				`<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S" `+
					`profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000" width="160" height="120">`+
					`<BaseURL>`+o+`/a.ts</BaseURL></Representation></AdaptationSet></Period></MPD>`)
		}, false},
	} {
		for _, reader := range []string{source.FFmpeg, source.GoCV} {
			t.Run(c.name+" "+reader, func(t *testing.T) {
				other := newOtherHost(t, pieces)
				camera := httptest.NewServer(c.serve(other.URL))
				defer camera.Close()
				o := Options{Reader: reader, OpenTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second}
				_, err := readOn(t.Context(), cameratest.Address(t, camera.URL+c.path), o)
				if n := other.connections.Load(); n != 0 {
					t.Errorf("%d connections to the other host", n)
				}
				host := strings.TrimPrefix(other.URL, "http://")
				if e, ok := errors.AsType[*OtherHostError](err); c.namesKey && (!ok || e.Host != host ||
					!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "follow: [")) {
					t.Errorf("error %v; want that it names %s and the key follow", err, host)
				}
			})
		}
	}
}

// Listed hosts are followed, and the camera's own host is allowed at any port and by its IP address.
func TestAllowedHosts(t *testing.T) {
	segment := cameratest.Video(t, "a.ts", "testsrc2=s=160x120:r=10:d=1", "-c:v", "libx264", "-f", "mpegts")
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, segment) })
	for _, reader := range []string{source.FFmpeg, source.GoCV} {
		t.Run(reader, func(t *testing.T) {
			other, beside := newOtherHost(t, serve), httptest.NewServer(serve)
			defer beside.Close()
			_, port, err := net.SplitHostPort(strings.TrimPrefix(other.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				name, to string
				follow   []string
				want     bool
			}{
				{"named", other.URL, []string{"127.0.0.2"}, true},
				{"named with its port", other.URL, []string{"127.0.0.2:" + port}, true},
				{"named with another port", other.URL, []string{"127.0.0.2:1"}, false},
				{"another one is named", other.URL, []string{"127.0.0.3"}, false},
				{"its own host at another port", beside.URL, nil, true},
			} {
				camera := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
					r *http.Request,
				) {
					http.Redirect(w, r, c.to+"/a.ts", http.StatusFound)
				}))
				url := strings.Replace(camera.URL, "127.0.0.1", "localhost", 1)
				frames, err := readOn(t.Context(), cameratest.Address(t, url+"/x.ts"), Options{
					Reader: reader, Follow: c.follow,
					OpenTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
				})
				camera.Close()
				if _, refused := errors.AsType[*OtherHostError](err); refused == c.want || (frames > 0) != c.want {
					t.Errorf("%s: %d frames, %v", c.name, frames, err)
				}
			}
		})
	}
}

// rtspServer answers each request with the result of reply: what follows "RTSP/1.0 " without the CSeq header.
func rtspServer(t *testing.T, reply func(method, uri string) string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveRTSP(c, reply)
		}
	}()
	return l.Addr().String()
}

func serveRTSP(c net.Conn, reply func(method, uri string) string) {
	defer func() { _ = c.Close() }()
	var got string
	b := make([]byte, 4096)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		got += string(b[:n])
		for {
			head, rest, whole := strings.Cut(got, "\r\n\r\n")
			if !whole {
				break
			}
			got = rest
			lines := strings.Split(head, "\r\n")
			words := strings.Fields(lines[0])
			number := "0"
			for _, line := range lines {
				if v, ok := strings.CutPrefix(line, "CSeq: "); ok {
					number = v
				}
			}
			status, more, _ := strings.Cut(reply(words[0], words[1]), "\r\n")
			if _, err := fmt.Fprintf(c, "RTSP/1.0 %s\r\nCSeq: %s\r\n%s", status, number, more); err != nil {
				return
			}
		}
	}
}

// Redirects and stream addresses of an RTSP server do not lead to other hosts either.
func TestOtherHostsAreRefusedRTSP(t *testing.T) {
	describe := func(base, control string) string {
		sdp := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:" + base +
			"\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:" + control + "\r\n"
		return fmt.Sprintf(
			"200 OK\r\nContent-Base: %s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", base,
			len(sdp), sdp)
	}
	for _, c := range []struct {
		name, transport string
		reply           func(other, method string) string
		namesKey        bool
	}{
		{
			"redirect", "tcp", func(o, _ string) string { return "302 Found\r\nLocation: rtsp://" + o + "/x\r\n\r\n" },
			true,
		},
		{"redirect when described", "tcp", func(o, method string) string {
			if method == "DESCRIBE" {
				return "301 Moved\r\nLocation: rtsp://" + o + "/x\r\n\r\n"
			}
			return "200 OK\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n"
		}, true},
		{"control addresses", "tcp", func(o, method string) string {
			switch method {
			case "DESCRIBE":
				return describe("rtsp://"+o+"/", "rtsp://"+o+"/track")
			case "SETUP":
				return "200 OK\r\nSession: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
			}
			return "200 OK\r\nSession: 1\r\n\r\n"
		}, false},
		{"a source other", "udp", func(o, method string) string {
			host, port, _ := net.SplitHostPort(o)
			switch method {
			case "DESCRIBE":
				return describe("rtsp://"+o+"/", "rtsp://"+o+"/track")
			case "SETUP":
				return "200 OK\r\nSession: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;source=" + host +
					";server_port=" + port + "-" + port + "\r\n\r\n"
			}
			return "200 OK\r\nSession: 1\r\n\r\n"
		}, true},
	} {
		for _, reader := range []string{source.FFmpeg, source.GoCV} {
			t.Run(c.name+" "+reader, func(t *testing.T) {
				other := newOtherHost(t, http.NotFoundHandler())
				host := strings.TrimPrefix(other.URL, "http://")
				datagrams, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", host)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = datagrams.Close() }()
				camera := rtspServer(t, func(method, _ string) string { return c.reply(host, method) })
				o := Options{
					Reader: reader, Transport: c.transport, OpenTimeout: 2 * time.Second,
					ReadTimeout: 2 * time.Second,
				}
				_, err = readOn(t.Context(), cameratest.Address(t, "rtsp://"+camera+"/x"), o)
				if err == nil {
					t.Fatal("no error")
				}
				if n := other.connections.Load(); n != 0 {
					t.Errorf("%d connections to the other host", n)
				}
				if err := datagrams.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if n, _, err := datagrams.ReadFrom(make([]byte, 100)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("a datagram of %d bytes to the other host, %v", n, err)
				}
				if _, ok := errors.AsType[*OtherHostError](err); c.namesKey && !ok {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}
