// Package leaktest detects what a failed call leaves behind: goroutines, files and sockets.
package leaktest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// longWait is how long terminating goroutines may take; tests that pass do not reach it.
	longWait = 20 * time.Second
	// memory is the limit above which garbage is collected all the same.
	memory = 1 << 30
)

// None fails the test if call leaves goroutines or open files behind. No other test may run in parallel.
func None(t testing.TB, call func()) {
	t.Helper()
	// The garbage collector closes a leaked file at some time, which would hide the leak.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memory))
	goroutines, before := runtime.NumGoroutine(), openFiles()
	call()
	var more []string
	for limit := time.Now().Add(longWait); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if more = added(before, openFiles()); len(more) == 0 && runtime.NumGoroutine() <= goroutines {
			return
		}
	}
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // into memory
	t.Errorf("left open: %q, and %d goroutines where there were %d:\n%s", more, runtime.NumGoroutine(),
		goroutines, &stacks)
}

// openFiles counts this process's open files by name; empty on systems without this information. Files that the runtime
// opens once are excluded.
func openFiles() map[string]int {
	found := map[string]int{}
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return found
	}
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil &&
			!strings.HasPrefix(name, "anon_inode:") && !strings.HasSuffix(name, "/fd") {
			found[name]++
		}
	}
	return found
}

func added(before, now map[string]int) (names []string) {
	for name, n := range now {
		if n > before[name] {
			names = append(names, name)
		}
	}
	return names
}

// Steps is a context that ends at its n-th query, so that each n interrupts a call at another step.
type Steps struct {
	context.Context //nolint:containedctx // It is one.

	mu    sync.Mutex
	left  int
	ended chan struct{}
}

// After returns a context that ends at the n-th query.
func After(ctx context.Context, n int) *Steps {
	return &Steps{Context: ctx, left: n, ended: make(chan struct{})}
}

// Over reports whether it has ended.
func (s *Steps) Over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *Steps) ask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left == 0 {
		close(s.ended)
	}
}

// Done implements context.Context.
func (s *Steps) Done() <-chan struct{} {
	s.ask()
	return s.ended
}

// Err implements context.Context.
func (s *Steps) Err() error {
	s.ask()
	if s.Over() {
		return context.Canceled
	}
	return nil
}
