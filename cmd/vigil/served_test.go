//go:build linux && cgo && gocv_videoio

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
)

// listening returns how many TCP sockets of a process listen.
func listening(t *testing.T, pid int) (n int) {
	t.Helper()
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if to, err := os.Readlink(path); err == nil && sockets[to] {
			n++
		}
	}
	return n
}

// TestListensOnlyWhereConfigured checks that with http.listen: off the cameras are watched, the commands work, and the
// program serves nothing there.
func TestListensOnlyWhereConfigured(t *testing.T) {
	video := cameratest.Video(t, "street.mkv", "testsrc2=size=64x48:rate=10:duration=240", "-g", "1000")
	for address, want := range map[string]int{"off": 0, "127.0.0.1:0": 1} {
		t.Run(address, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "vigil.yaml")
			text := fmt.Sprintf("model: %s\ndata_dir: data\nnats: {embedded: {port: 0}}\nhttp: {listen: %q}\n"+
				"cameras:\n  - {name: gate, source: %s, realtime: true, threshold: {lo: 1, theta: 5}}\n",
				cameratest.ZeroWeights(t), address, video)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log alerttest.Log
			cmd := exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file)
			cmd.Stderr = &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			alerttest.Eventually(alerttest.Within(t), t, "a camera that is open", func() bool {
				return log.Count(`msg="source open" camera=gate`) > 0
			})
			// The cameras are opened before the socket.
			alerttest.Eventually(alerttest.Within(t), t, "vigil status", func() bool {
				code, out, _ := runVigil(t, "status", "-c", file)
				return code == exitDone && strings.Contains(out, "gate")
			})
			if n := listening(t, cmd.Process.Pid); n != want+1 || log.Count("HTTP listens") != want {
				t.Errorf("%d sockets listen, want %d and that of the NATS server\n%s", n, want, log.String())
			}
			send(t, cmd.Process, syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, log.String())
			}
		})
	}
}
