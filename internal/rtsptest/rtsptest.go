// Package rtsptest runs a real RTSP server for tests: GStreamer's, which shares no code with FFmpeg's client.
//
// It needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-base, -good, -bad and -ugly.
package rtsptest

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"io"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"vigil/internal/certtest"
	"vigil/internal/testenv"
)

//go:embed server.py
var program string

// python is Debian's interpreter; another one earlier in PATH would lack python3-gi.
const python = "/usr/bin/python3"

const packages = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good " +
	"gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"

// Options select the server's stream. The zero value is a bouncing ball, 320x240 at 25 frames a second.
type Options struct {
	// Launch is a GStreamer launch line with a payloader named pay0.
	Launch string
	// File, if Launch is empty, is an H.264 video in a .mkv that is played once for each client.
	File string
	// User and Password, if set, are required from clients (basic authentication).
	User, Password string
	// Certificate, if set, makes the server use rtsps.
	Certificate *certtest.Certificate
}

// Server is a running server. Stop kills it, and Restart starts it again on the same port.
type Server struct {
	t     testing.TB
	o     Options
	port  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// Start starts a server on a free port of 127.0.0.1 and waits until it listens; it is stopped when the test ends. If
// the packages are missing, the test fails in CI and is skipped elsewhere.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	check := exec.CommandContext(t.Context(), python, "-c", "import gi; gi.require_version('GstRtspServer', '1.0')")
	if out, err := check.CombinedOutput(); err != nil {
		testenv.Missing(t, "no RTSP server: %v: %s\ninstall %s (scripts/setup tests does)", err, out, packages)
	}
	s := &Server{t: t, o: o, port: "0"}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

// URL is the stream's address, with credentials if the server requires them.
func (s *Server) URL() string {
	u := url.URL{Scheme: "rtsp", Host: "127.0.0.1:" + s.port, Path: "/test"}
	if s.o.Certificate != nil {
		u.Scheme = "rtsps"
	}
	if s.o.User != "" {
		u.User = url.UserPassword(s.o.User, s.o.Password)
	}
	return u.String()
}

// Stop kills the server without closing its RTSP sessions. Stopping twice does nothing.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // always an error, because the process was killed
	_ = s.stdin.Close()
	s.cmd = nil
}

// Pause suspends the server, which keeps its connections and sends nothing, until Resume or Stop.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume continues a paused server.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Restart starts the server again on the same port.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// Become restarts the server with another stream; the credentials and the certificate stay.
func (s *Server) Become(o Options) {
	s.t.Helper()
	o.User, o.Password, o.Certificate = s.o.User, s.o.Password, s.o.Certificate
	s.o = o
	s.Restart()
}

func (s *Server) start() {
	s.t.Helper()
	orders := map[string]string{
		"port": s.port, "launch": s.o.launch(), "user": s.o.User, "password": s.o.Password,
		"certificate": "",
	}
	if s.o.Certificate != nil {
		orders["certificate"] = s.o.Certificate.File
	}
	text, err := json.Marshal(orders)
	if err != nil {
		s.t.Fatal(err)
	}
	// The server exits when its stdin is closed, so that it does not outlive a killed test.
	s.cmd = exec.Command(python, "-c", program,
		string(text)) //nolint:noctx // Stop ends it, at the latest in the test's cleanup.
	s.cmd.Stderr = s.t.Output()
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.Stop()
		s.t.Fatalf("the RTSP server did not start: %v", err)
	}
	s.port = strings.TrimSpace(line)
}

func (o Options) launch() string {
	switch {
	case o.Launch != "":
		return o.Launch
	case o.File != "":
		return `( filesrc location="` + o.File +
			`" ! matroskademux ! h264parse config-interval=1 ! rtph264pay name=pay0 pt=96 )`
	}
	return "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! " +
		"x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 pt=96 )"
}
