//go:build linux && cgo && gocv_videoio

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/internal/alerttest"
	"vigil/internal/cameratest"
	"vigil/internal/rtsptest"
)

// startProgram is the whole program in a process of its own, on a camera that shows something, one that sends nothing,
// and one whose process is stopped.
func startProgram(t *testing.T) (cmd *exec.Cmd, stderr *alerttest.Log) {
	t.Helper()
	server := rtsptest.Start(t, rtsptest.Options{User: "viewer", Password: "XYZZY"})
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	text := fmt.Sprintf(`
data_dir: %s
model: %s
nats: {embedded: {port: 0}}
defaults: {open_timeout: 60s, read_timeout: 60s}
cameras:
  - {name: yard, source: %q}
  - {name: gate, source: %q}
  - {name: mute, source: "rtsp://viewer:XYZZY@%s/x"}
`, filepath.Join(t.TempDir(), "data"), cameratest.ZeroWeights(t), server.URL(), server.URL(), cameratest.Silent(t))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stderr = new(alerttest.Log)
	cmd = exec.CommandContext(t.Context(), os.Args[0], "vigil", "run", "-c", file, "--summary", "200ms")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watching := func() bool {
		s := stderr.String()
		return strings.Count(s, `msg="source open"`) == 2 && len(childrenOf(t, cmd.Process.Pid)) == 3
	}
	for began := time.Now(); !watching(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > alerttest.LongWait {
			t.Fatalf("the cameras do not open:\n%s", stderr.String())
		}
	}
	checkNoSecret(t, cmd.Process.Pid)
	return cmd, stderr
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(pid) {
			n, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, n)
		}
	}
	return pids
}

// checkNoSecret looks for the password where other users of the machine may look.
func checkNoSecret(t *testing.T, pid int) {
	t.Helper()
	for _, p := range append(childrenOf(t, pid), pid) {
		for _, name := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p), name))
			if err == nil && bytes.Contains(text, []byte("XYZZY")) {
				t.Errorf("the password is in the %s of process %d", name, p)
			}
		}
	}
}

// However the program is stopped, it ends, and leaves no child behind. The limit of ten seconds is the program's
// own: it ends by itself with an error where it cannot keep it.
func TestStop(t *testing.T) {
	tests := []struct {
		name string
		stop func(t *testing.T, p *os.Process)
		code int // -1 for killed by a signal
	}{
		{"terminated", func(t *testing.T, p *os.Process) { send(t, p, syscall.SIGTERM) }, 0},
		{"a second signal", func(t *testing.T, p *os.Process) {
			for range 10 { // it must have handled the first
				send(t, p, syscall.SIGTERM)
				time.Sleep(sameSignal / 4)
			}
		}, -1},
		{
			"the same signal more than once, as timeout sends it to a process and to its group",
			func(t *testing.T, p *os.Process) {
				for range 10 {
					send(t, p, syscall.SIGTERM)
					time.Sleep(time.Millisecond)
				}
			}, 0,
		},
		{"killed", func(t *testing.T, p *os.Process) { send(t, p, syscall.SIGKILL) }, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd, stderr := startProgram(t)
			children := childrenOf(t, cmd.Process.Pid)
			if err := syscall.Kill(children[0], syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			tt.stop(t, cmd.Process)
			err := cmd.Wait()
			took := time.Since(began)
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			}
			if code != tt.code {
				t.Errorf("exit code %d, want %d:\n%s", code, tt.code, stderr.String())
			}
			for !cameratest.Exited(children...) {
				if time.Since(began) > alerttest.LongWait {
					t.Fatal("a child is left")
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Logf("ended after %v, the last child %v later", took.Round(time.Millisecond),
				(time.Since(began) - took).Round(time.Millisecond))
			if strings.Contains(stderr.String(), "XYZZY") {
				t.Errorf("the password is in the log:\n%s", stderr.String())
			}
		})
	}
}

func send(t *testing.T, p *os.Process, s os.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Error(err)
	}
}
