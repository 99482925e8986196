package socket

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"vigil/internal/errcode"
)

// A socket is replaced only if a dead process left it, and nothing else at its path is touched.
func TestListen(t *testing.T) {
	stale := func(t *testing.T, path string) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = l.Close()
	}
	for name, tt := range map[string]struct {
		before func(t *testing.T, path string)
		says   string
	}{
		"nothing there": {func(*testing.T, string) {}, ""},
		"stale":         {stale, ""},
		"in use": {func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "another process answers"},
		"a file": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is not a socket"},
		"a link": {func(t *testing.T, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Fatal(err)
			}
		}, "is not a socket"},
		"a folder of everybody": {func(t *testing.T, path string) {
			if err := os.Chmod(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // That is the test.
				t.Fatal(err)
			}
		}, "chmod o-w"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, socketFile)
			tt.before(t, path)
			before, _ := os.Lstat(path)
			l, err := Listen(t.Context(), dir)
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = l.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || errcode.Of(err) != errcode.ServerControl {
				t.Errorf("%v", err)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("what was there was replaced")
			}
		})
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if _, err := Listen(t.Context(), long); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := Listen(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("it listens in a missing folder")
	}
}

// Close returns after the handlers, also one that goes on when its context has ended.
func TestCloseWaitsForHandlers(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ended, release := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	started := make(chan struct{})
	s := Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(ended)
		<-release
		finished.Store(true)
	}), slog.New(slog.DiscardHandler))
	asked := make(chan error, 1)
	go func() {
		c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
			_ string,
		) (net.Conn, error) {
			return dial(ctx, filepath.Join(dir, socketFile))
		}}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		if err == nil {
			var res *http.Response
			if res, err = c.Do(r); err == nil {
				_ = res.Body.Close()
			}
		}
		asked <- err
	}()
	<-started
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-ended
	for range 10_000 { // gives a Close that does not wait the time to return
		runtime.Gosched()
	}
	select {
	case <-closed:
		t.Error("it did not wait")
		close(release)
	default:
		close(release)
		if <-closed; !finished.Load() {
			t.Error("the handler has not finished")
		}
	}
	if <-asked == nil {
		t.Error("the request was answered")
	}
}
