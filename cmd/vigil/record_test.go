//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/capture"
	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/disktest"
	"vigil/internal/rtsptest"
	"vigil/internal/testenv"
	"vigil/video"
)

// recording is 'vigil record' as a process of its own.
type recording struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr alerttest.Log
	ended          chan error
}

func startRecording(t *testing.T, stdin string, args ...string) *recording {
	t.Helper()
	r := &recording{t: t, ended: make(chan error, 1)}
	r.cmd = exec.CommandContext(t.Context(), os.Args[0], append([]string{"vigil", "record"}, args...)...)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = strings.NewReader(stdin), &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	return r
}

// waitFor waits until something is true.
func (r *recording) waitFor(what string, f func() bool) {
	r.t.Helper()
	for began := time.Now(); !f(); {
		select {
		case err := <-r.ended:
			r.t.Fatalf("waiting for %s: it has ended: %v\n%s%s", what, err, r.stdout.String(), r.stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(began) > alerttest.LongWait {
			r.t.Fatalf("waited in vain for %s:\n%s", what, r.stderr.String())
		}
	}
}

// end is how it ended, and what it printed.
func (r *recording) end() (stdout string, err error) {
	r.t.Helper()
	select {
	case err = <-r.ended:
	case <-time.After(alerttest.LongWait):
		r.t.Fatalf("it does not end:\n%s", r.stderr.String())
	}
	return r.stdout.String(), err
}

func files(t *testing.T, pattern ...string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// playable reads a file as vigil does, and sees that it begins at a key frame. It returns the number of its pictures.
func playable(t *testing.T, path string) (frames int) {
	t.Helper()
	first, err := exec.CommandContext(t.Context(), testenv.Tool(t, "ffprobe"), "-v", "error", "-show_entries",
		"packet=flags", "-of", "csv=p=0",
		// It may complain of a picture at the end that the server had no time to send whole.
		"-read_intervals", "%+#1", path).Output()
	if err != nil || !strings.HasPrefix(string(first), "K") {
		t.Errorf("%s begins with %q, %v", path, first, err)
	}
	a := cameratest.Address(t, path)
	s, err := capture.Open(t.Context(), a, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var f video.Frame
	for err == nil {
		if err = s.Read(t.Context(), &f); err == nil {
			frames++
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%s: %v", path, err)
	}
	return frames
}

// A camera of the configuration is recorded without a model, over the death and return of its server, and its password
// is nowhere to be seen. When vigil is killed what it had recorded stays, and the next recording of this camera, whose
// URL comes by standard input, gives the file under way its name.
func TestRecord(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "XYZZY"})
	dir := t.TempDir()
	out := filepath.Join(dir, "normal")
	file := filepath.Join(dir, "vigil.yaml")
	text := fmt.Sprintf("cameras: [{name: test, source: %q, open_timeout: 60s, reconnect: {min: 100ms, max: 200ms}}]\n",
		server.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startRecording(t, "", "test", "-c", file, "-o", out, "--segment", "1s")
	complete := func(n int) func() bool {
		return func() bool { return len(files(t, out, "test-*Z*.mkv")) >= n }
	}
	r.waitFor("two files", complete(2))
	checkNoSecret(t, r.cmd.Process.Pid)
	server.Stop()
	r.waitFor("the loss", func() bool { return strings.Contains(r.stderr.String(), "camera lost") })
	before := len(files(t, out, "*.mkv"))
	server.Restart()
	r.waitFor("what comes after the gap", func() bool {
		return strings.Contains(r.stderr.String(), `msg="gap in the recording"`) && complete(before+1)()
	})
	under := func() bool {
		parts := files(t, out, "test-[0-9]*.part")
		if len(parts) != 1 {
			return false
		}
		info, err := os.Stat(parts[0])
		return err == nil && info.Size() > 8<<10
	}
	r.waitFor("a file under way", under)
	children := childrenOf(t, r.cmd.Process.Pid)
	send(t, r.cmd.Process, syscall.SIGKILL)
	_, _ = r.end()
	for began := time.Now(); !cameratest.Exited(children...); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > alerttest.LongWait {
			t.Fatal("its child is left")
		}
	}
	parts := files(t, out, "*.part")
	if len(parts) != 1 {
		t.Fatalf("%d files are under way", len(parts))
	}
	cut := playable(t, parts[0])
	if cut == 0 {
		t.Error("a file that was cut off shows nothing")
	}
	if strings.Contains(r.stderr.String(), "XYZZY") {
		t.Errorf("the password is in the log:\n%s", r.stderr.String())
	}

	// Another camera's files are not its business.
	other := filepath.Join(out, "test-two-20261129T000000Z.mkv.part")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = startRecording(t, server.URL()+"\n", "-", "-o", out, "--for", "1m", "--segment", "1h")
	r.waitFor("a file under way", func() bool { return strings.Contains(r.stderr.String(), "source open") && under() })
	send(t, r.cmd.Process, syscall.SIGTERM)
	printed, err := r.end()
	if err != nil || !regexp.MustCompile(`^test: 1 file, .* MiB, no gaps, in `).MatchString(printed) {
		t.Errorf("%v: %q\n%s", err, printed, r.stderr.String())
	}
	if got := files(t, out, "*.part"); len(got) != 1 || got[0] != other {
		t.Errorf("under way are %v", got)
	}
	if n := playable(t, strings.TrimSuffix(parts[0], ".part")); n != cut {
		t.Errorf("the file that was cut off has %d pictures of %d", n, cut)
	}
	for _, path := range files(t, out, "*.mkv") {
		if playable(t, path) == 0 {
			t.Errorf("%s shows nothing", path)
		}
	}
}

// On a full disk the recording ends with an error that names the folder, and what came before can be played.
func TestRecordOnAFullDisk(t *testing.T) {
	server := rtsptest.Start(t, rtsptest.Options{})
	out := filepath.Join(disktest.Small(t, 96<<10), "normal")
	r := startRecording(t, server.URL(), "-", "-o", out, "--segment", "1s")
	_, err := r.end()
	log := r.stderr.String()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailed ||
		!strings.Contains(log, "recording into "+out) ||
		!strings.Contains(log, "no space left on device") {
		t.Errorf("%v:\n%s", err, log)
	}
	all := files(t, out, "*.mkv")
	if len(all) == 0 || len(files(t, out, "*.part")) > 0 {
		t.Errorf("it left %v:\n%s", files(t, out, "*"), log)
	}
	for _, path := range all {
		if playable(t, path) == 0 {
			t.Errorf("%s shows nothing", path)
		}
	}
}

func TestRecordRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "vigil.yaml")
	if err := os.WriteFile(file, []byte("cameras: [{name: gate, source: rtsp://127.0.0.1:1/x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "list")
	tests := []struct {
		list, want string // list is what is in the file list
		args       []string
		code       int
	}{
		{"", "-o: is missing; must be the folder", []string{"gate", "-c", file}, exitUsage},
		{"", `no camera "yard"`, []string{"yard", "-c", file, "-o", dir}, exitUsage},
		{"", "--segment", []string{"gate", "-c", file, "-o", dir, "--segment", "1ms"}, exitUsage},
		{"", "--for", []string{"gate", "-c", file, "-o", dir, "--for", "-1s"}, exitUsage},
		{" ", "has no address", []string{"@" + list, "-o", dir}, exitUsage},
		{"rtsp://a/1\nrtsp://a/2\n", "one camera", []string{"@" + list, "-o", dir}, exitUsage},
		{"some.mkv\n", "is a recording already", []string{"@" + list, "-o", dir}, exitUsage},
		{"/dev/video77\n", "only a camera with a URL", []string{"@" + list, "-o", dir}, exitUsage},
		{"", "not a directory", []string{"gate", "-c", file, "-o", filepath.Join(dir, "file", "x")}, exitFailed},
		{"", "no picture came from the camera", []string{"gate", "-c", file, "-o", dir, "--for", "1ms"}, exitFailed},
	}
	for _, tt := range tests {
		var out, log bytes.Buffer
		if tt.list != "" {
			if err := os.WriteFile(list, []byte(tt.list), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if code := run(t.Context(), append([]string{"record"}, tt.args...), &out, &log); code != tt.code ||
			!strings.Contains(log.String(), tt.want) {
			t.Errorf("%v: %d, want %q:\n%s", tt.args, code, tt.want, log.String())
		}
	}
}
