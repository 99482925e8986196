//go:build cgo && gocv_videoio

package pipeline

import (
	"os"
	"os/exec"
	ossignal "os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"syscall"
	"testing"
)

// inOwnProcess reports whether this process runs nothing but the test. Otherwise it runs the test again in a process
// of its own and waits for it: goroutines and files are counted for the whole process.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	const mark = "VIGIL_TEST_ALONE"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1",
		"-test.timeout=0")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	return false
}

// mats returns how many of OpenCV's matrices this process holds. GoCV counts them only with the build tag matprofile.
func mats() int {
	if p := pprof.Lookup("gocv.io/x/gocv.Mat"); p != nil {
		return p.Count()
	}
	return -1
}

// matsFile is where a worker writes its mats when asked to.
func matsFile(pid int) string {
	return filepath.Join(os.TempDir(), "vigil-mats-"+strconv.Itoa(pid))
}

// reportMats is the worker's side. The worker's environment is empty, so the request is a signal.
func reportMats() {
	requests := make(chan os.Signal, 1)
	ossignal.Notify(requests, syscall.SIGUSR1)
	for range requests {
		path := matsFile(os.Getpid())
		if err := os.WriteFile(path+"-new", []byte(strconv.Itoa(mats())), 0o600); err == nil {
			_ = os.Rename(path+"-new", path)
		}
	}
}

// matsOf queries a worker's mats.
func matsOf(t *testing.T, pid int) int {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	path := matsFile(pid)
	defer func() { _ = os.Remove(path) }()
	var text []byte
	waitFor(t, "a worker to count its Mats", func() (ok bool) {
		var err error
		text, err = os.ReadFile(path)
		return err == nil
	})
	n, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
