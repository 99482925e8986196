// Package socket is the Unix socket in a data directory by which programs of this machine reach the vigil that runs on
// it. Only the user that vigil runs as may open it.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"vigil/api/access"
	"vigil/internal/errcode"
)

const (
	// socketFile is the name of the socket in a data directory.
	socketFile = "control.sock"
	// maxPath is the longest path of a socket in bytes that every system accepts.
	maxPath = 103
	// socketMode lets only the user that vigil runs as connect.
	socketMode = 0o600

	dialTimeout  = 2 * time.Second
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	maxHeader    = 16 << 10
	// closeTimeout is how long Close waits for requests in progress.
	closeTimeout = time.Second
)

// Path returns the path of a data directory's socket. It fails if that is too long for one.
func Path(dataDir string) (string, error) {
	path := filepath.Join(dataDir, socketFile)
	if len(path) > maxPath {
		return "", errcode.ServerControl.Wrap(fmt.Errorf(
			"%s has %d bytes, a socket's path has at most %d: give data_dir a shorter path", path, len(path),
			maxPath))
	}
	return path, nil
}

// Listen listens on the socket of a data directory, which must exist and not be writable by everybody. A socket that a
// dead process has left behind is replaced; one that somebody answers at is not, and neither is any other file.
func Listen(ctx context.Context, dataDir string) (net.Listener, error) {
	path, err := Path(dataDir)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(dataDir); err != nil {
		return nil, errcode.ServerControl.Wrap(err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, errcode.ServerControl.Wrap(err)
	}
	// Linux gives the file the mode of the socket, so that it never has a wider one; other systems ignore it.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), socketMode) }) //nolint:gosec // It fits.
	}}
	l, err := private.Listen(ctx, "unix", path)
	if err != nil {
		return nil, errcode.ServerControl.Wrap(err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errcode.ServerControl.Wrap(errors.Join(err, l.Close()))
	}
	return l, nil
}

// checkFolder returns an error if every user could replace the socket. A group that may write there is the owner's
// choice.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if perm := info.Mode().Perm(); perm&0o002 != 0 {
		return fmt.Errorf("%s has the mode %04o, so that every user may write there: chmod o-w %s", dir, perm, dir)
	}
	return nil
}

// removeStale removes a socket at which nobody answers.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way and is not a socket: move it elsewhere", path)
	}
	conn, err := dial(ctx, path)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("another process answers at %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, "unix", path)
}

// Server serves a handler on a listener.
type Server struct {
	http *http.Server
	done chan struct{}

	mu       sync.Mutex
	closed   bool
	requests sync.WaitGroup // added to while closed is false
}

// start registers a request; it returns false after Close.
func (s *Server) start() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.requests.Add(1)
	return true
}

// Serve serves a handler until Close.
func Serve(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	s := &Server{done: make(chan struct{})}
	counted := func(w http.ResponseWriter, r *http.Request) {
		if !s.start() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer s.requests.Done()
		h.ServeHTTP(w, r)
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(counted), ConnContext: access.ConnContext, ReadTimeout: readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    readTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the control socket failed", "error", errcode.ServerControl.Default(err))
		}
	}()
	return s
}

// Close stops listening, removes the socket and waits briefly for requests in progress. Then it ends their contexts,
// and returns when the handler has returned from all of them.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.requests.Wait()
	return err
}
