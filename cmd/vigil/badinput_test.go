//go:build cgo && gocv_videoio

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"vigil/internal/cameratest"
	"vigil/internal/testenv"
)

// ffmpeg makes a file for a test; args end in the output's name inside dir.
func ffmpeg(t *testing.T, dir string, args ...string) string {
	t.Helper()
	path := filepath.Join(dir, args[len(args)-1])
	cameratest.FFmpeg(t, append(args[:len(args)-1:len(args)-1], path)...)
	return path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a user may hand to replay by mistake: each is a clear error that names the file, exit code 1, and leaves
// nothing behind.
func TestReplayRefusesBadSources(t *testing.T) {
	dir := t.TempDir()
	weights := cameratest.ZeroWeights(t)
	good := ffmpeg(t, dir, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4", "good.mkv")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	frames := filepath.Join(dir, "frames")
	if err := os.Mkdir(frames, 0o700); err != nil {
		t.Fatal(err)
	}
	ffmpeg(t, frames, "-i", good, "%03d.png")
	write(t, filepath.Join(frames, "007.png"), "not a picture")

	for _, c := range []struct{ name, source, want string }{
		{"missing", filepath.Join(dir, "none.mkv"), "no such file"},
		{"empty", write(t, filepath.Join(dir, "empty.mkv"), ""), "empty"},
		{"text", write(t, filepath.Join(dir, "text.mp4"), "this is no video\n"), "text.mp4"},
		{"truncated", write(t, filepath.Join(dir, "cut.mkv"), string(whole[:len(whole)/2])), "cut"},
		{
			"audio only", ffmpeg(t, dir, "-f", "lavfi", "-i", "sine=duration=2", "-c:a", "pcm_s16le", "sound.mkv"),
			"sound.mkv",
		},
		{"one frame", ffmpeg(t, dir, "-i", good, "-frames:v", "1", "one.mkv"), "1 frames, a cuboid needs 16"},
		{
			"fifteen frames", ffmpeg(t, dir, "-i", good, "-frames:v", "15", "fifteen.mkv"),
			"15 frames, a cuboid needs 16",
		},
		{"broken picture", frames, "007.png"},
		{"no pictures", filepath.Dir(write(t, filepath.Join(dir, "notes", "a.txt"), "x")), "notes"},
		{"unknown scheme", "ftp://host/a.mkv", "rtsp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := t.TempDir()
			code, _, errs := runVigil(t, "replay", c.source, "-m", weights, "--scores",
				filepath.Join(out, "scores.csv"))
			want := exitFailed
			if c.name == "unknown scheme" {
				want = exitUsage
			}
			if code != want || !strings.Contains(errs, c.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, want, c.want, errs)
			}
			if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
				t.Errorf("a bad source left %v, %v", left, err)
			}
		})
	}

	t.Run("the others go on", func(t *testing.T) {
		scores := filepath.Join(t.TempDir(), "scores.csv")
		code, out, errs := runVigil(t, "replay", filepath.Join(dir, "fifteen.mkv"), good, "-m", weights,
			"--scores", scores)
		if rows := readCSV(t, scores); code != exitFailed || len(rows) != 1+13 || rows[1][0] != "good.mkv" {
			t.Errorf("exit code %d, rows %v\n%s%s", code, rows, out, errs)
		}
	})
	t.Run("model that does not fit", func(t *testing.T) {
		for name, text := range map[string]string{"text": "these are no weights", "empty": ""} {
			path := write(t, filepath.Join(t.TempDir(), name+".safetensors"), text)
			code, _, errs := runVigil(t, "replay", good, "-m", path)
			if code != exitFailed || !strings.Contains(errs, path) {
				t.Errorf("%s: exit code %d:\n%s", name, code, errs)
			}
		}
	})
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		testenv.Missing(t, "mount a small tmpfs (run as root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	weights := cameratest.ZeroWeights(t)
	video := ffmpeg(t, t.TempDir(), "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=60", "long.mkv")
	scores := filepath.Join(dir, "scores.csv")
	code, _, errs := runVigil(t, "replay", video, "-m", weights, "--hop", "1", "--scores", scores)
	if code != exitFailed || !strings.Contains(errs, dir) || !strings.Contains(errs, "no space left on device") {
		t.Errorf("exit code %d:\n%s", code, errs)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("a full disk was left with %v, %v", left, err)
	}
}

func TestRunStartErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	weights := cameratest.ZeroWeights(t)
	config := func(nats, cameras string) string {
		return write(t, filepath.Join(dir, "vigil.yaml"), fmt.Sprintf("model: %s\nnats: %s\ncameras:\n%s", weights,
			nats, cameras))
	}
	cam := "  - {name: gate, source: 'rtsp://127.0.0.1:1/x', threshold: {lo: 1.0, theta: 2.0}}\n"
	for _, c := range []struct {
		name, nats, cameras, want string
		code                      int
	}{
		{
			"port in use", fmt.Sprintf("{embedded: {port: %d}}", taken), cam, fmt.Sprintf("127.0.0.1:%d", taken),
			exitFailed,
		},
		{
			"recording absent", "{}", "  - {name: gate, source: none.mkv, threshold: {lo: 1.0, theta: 2.0}}\n",
			"none.mkv",
			exitFailed,
		},
		{"no cameras", "{}", "  []\n", "cameras", exitUsage},
		{
			"no such calibration", "{}", "  - {name: gate, source: a.mkv, calibration: none.json}\n", "none.json",
			exitFailed,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, errs := runVigil(t, "run", "-c", config(c.nats, c.cameras))
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.want, errs)
			}
		})
	}
}
