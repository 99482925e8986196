// Package cameratest provides what tests of several packages use in place of a camera: addresses, servers that behave
// as some cameras do, video made by FFmpeg, and a model whose scores are known. Real RTSP cameras are in rtsptest,
// streets with people in scene.
package cameratest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"vigil/capture/source"
	"vigil/internal/testenv"
)

// Address parses an address, and fails the test if it is invalid.
func Address(t testing.TB, text string) source.Address {
	t.Helper()
	a, err := source.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// FFmpeg runs ffmpeg and returns its output. If it is missing, the test fails in CI and is skipped elsewhere.
func FFmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	return run(t, "ffmpeg", append([]string{"-v", "error", "-y"}, args...))
}

// FFprobe is FFmpeg for ffprobe.
func FFprobe(t testing.TB, args ...string) []byte {
	t.Helper()
	return run(t, "ffprobe", append([]string{"-v", "error"}, args...))
}

func run(t testing.TB, program string, args []string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testenv.Tool(t, program), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.String())
	}
	return out
}

// Video makes a file in a temporary folder from one of FFmpeg's source filters, such as testsrc2, and returns its path.
func Video(t testing.TB, name, filter string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	FFmpeg(t, append(append([]string{"-f", "lavfi", "-i", filter}, args...), path)...)
	return path
}

// Exited reports whether processes, such as the cameras' workers, have ended; their parents may not know yet.
func Exited(pids ...int) bool {
	for _, pid := range pids {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err == nil && !strings.Contains(string(text), ") Z ") {
			return false
		}
	}
	return true
}
