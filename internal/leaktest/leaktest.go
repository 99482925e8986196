// Package leaktest shows what a call leaves behind that failed: goroutines, files and sockets.
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
	// patience is how long what was told to end may take to do so; it is never reached where it does.
	patience = 20 * time.Second
	// memory is from when on garbage is collected all the same.
	memory = 1 << 30
)

// None fails the test where call leaves goroutines or open files that were not there before. It must be the only one
// that runs.
func None(t testing.TB, call func()) {
	t.Helper()
	// A file that nobody closes is closed when its garbage is collected, some time or other.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(memory))
	goroutines, before := runtime.NumGoroutine(), openFiles()
	call()
	var more []string
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if more = added(before, openFiles()); len(more) == 0 && runtime.NumGoroutine() <= goroutines {
			return
		}
	}
	var stacks bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // into memory
	t.Errorf("left open: %q, and %d goroutines where there were %d:\n%s", more, runtime.NumGoroutine(),
		goroutines, &stacks)
}

// openFiles counts what this process has open, by name; nothing where the system does not say. What the runtime itself
// opens once is left out.
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

// Steps is a context that ends when it has been asked for so many times whether it has: at another step of the call
// that it is given to, for each number.
type Steps struct {
	context.Context //nolint:containedctx // It is one.

	mu    sync.Mutex
	left  int
	ended chan struct{}
}

// After gives a context that ends at the n-th question.
func After(ctx context.Context, n int) *Steps {
	return &Steps{Context: ctx, left: n, ended: make(chan struct{})}
}

// Over says whether it has ended.
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
