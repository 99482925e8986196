package broker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// socketName is the Unix socket in a server's directory, by which programs of the same user reach the server on any
// configuration.
const socketName = "vigil.sock"

// acceptRetry is the pause after a failed Accept; it doubles up to maxAcceptRetry.
const (
	acceptRetry    = 10 * time.Millisecond
	maxAcceptRetry = time.Second
)

// maxConns bounds the connections of a bridge; each uses a few goroutines and buffers.
const maxConns = 1024

// maxWriteStall is the time after which a client that does not read is disconnected, so that stalled clients do not use
// up maxConns.
const maxWriteStall = 15 * time.Second

// writeTimeoutConn is a connection with a timeout for every write.
type writeTimeoutConn struct {
	net.Conn
	timeout time.Duration
}

func (c writeTimeoutConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// socketBridge accepts connections of other programs and pipes them to the server in this process.
type socketBridge struct {
	listener   net.Listener
	dialServer func() (net.Conn, error)
	forward    func(outer, inner net.Conn) error // copies the client's commands until either side closes
	stall      time.Duration                     // see maxWriteStall
	stop       context.CancelFunc
	work       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after close
}

func newSocketBridge(l net.Listener, inside func() (net.Conn, error), pass func(outer, inner net.Conn) error,
	stall time.Duration,
) *socketBridge {
	ctx, stop := context.WithCancel(context.Background())
	d := &socketBridge{
		listener: l, dialServer: inside, forward: pass, stall: stall, stop: stop, conns: map[net.Conn]struct{}{},
	}
	d.work.Go(func() { d.accept(ctx) })
	return d
}

// listenUnix listens in a directory that this process has locked, so an existing socket belongs to a dead process.
// Everybody who may open the socket, which is this user and root, has all rights.
func listenUnix(dir string, s *Server) (*socketBridge, error) {
	path := filepath.Join(dir, socketName)
	switch info, err := os.Lstat(path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != os.ModeSocket:
		return nil, fmt.Errorf("%s is in the way and is not a socket: move it elsewhere", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return newSocketBridge(l, s.InProcessConn, s.forwardAsOwner, maxWriteStall), nil
}

// forwardAsOwner puts vigil's own account into the first command.
func (s *Server) forwardAsOwner(outer, inner net.Conn) error {
	r := bufio.NewReaderSize(outer, maxLine)
	c, err := readCommand(r)
	if err != nil {
		return err
	}
	in := map[string]any{}
	if err := json.Unmarshal(c.json, &in); err != nil || c.op != "CONNECT" {
		return errors.Join(errProtocol, err)
	}
	maps.DeleteFunc(in, func(key string, _ any) bool {
		return slices.Contains([]string{"user", "pass", "auth_token", "nkey", "sig", "jwt"}, strings.ToLower(key))
	})
	in["user"], in["pass"] = s.logins.own.User, s.logins.own.Password
	if c.json, err = json.Marshal(in); err != nil {
		return err
	}
	if _, err := inner.Write(c.bytes()); err != nil {
		return err
	}
	_, err = io.Copy(inner, r)
	return err
}

// forwardAsClient filters the commands of a TCP client according to its rights.
func (s *Server) forwardAsClient(outer, inner net.Conn) error {
	client := &clientSession{server: s, inner: inner}
	defer client.ended.Store(true)
	return client.forward(outer)
}

func (d *socketBridge) accept(ctx context.Context) {
	for wait := (retry.Backoff{First: acceptRetry, Max: maxAcceptRetry}); ; {
		outer, err := d.listener.Accept()
		switch {
		case err == nil:
			wait.Reset()
			d.work.Go(func() { d.pipe(outer) })
		case errors.Is(err, net.ErrClosed):
			return
		case !wait.Wait(ctx): // for example too many open files: open connections continue
			return
		}
	}
}

// pipe copies in both directions until one side closes.
func (d *socketBridge) pipe(outer net.Conn) {
	defer d.unregister(outer)
	if !d.register(outer) {
		return
	}
	inner, err := d.dialServer()
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(writeTimeoutConn{outer, d.stall}, inner)
		_ = inner.Close()
		_ = outer.Close()
	}()
	_ = d.forward(outer, inner) // both sides see the broken connection
	_ = inner.Close()
	<-done
}

func (d *socketBridge) register(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil || len(d.conns) >= maxConns {
		return false
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *socketBridge) unregister(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

func (d *socketBridge) close() {
	d.stop()
	_ = d.listener.Close()
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
	d.mu.Unlock()
	d.work.Wait()
}

// unixDialer dials a Unix socket, whatever address the client requests.
type unixDialer string

func (k unixDialer) Dial(string, string) (net.Conn, error) {
	return net.DialTimeout("unix", string(k), dialTimeout)
}

// ErrNotRunning means that no process has the store open.
var ErrNotRunning = errcode.StoreNotRunning.New("no vigil runs on this store")

// DialLocal connects with all rights to the process that has the store in dir open, whatever address its server has:
// only the user of that process may open the socket. Without such a process it returns ErrNotRunning.
func DialLocal(ctx context.Context, dir string, o DialOptions) (*Conn, error) {
	conn, err := unixDialer(filepath.Join(dir, socketName)).Dial("", "")
	if err != nil {
		return nil, fmt.Errorf("alert store %s: %w", dir, ErrNotRunning)
	}
	_ = conn.Close()
	o.local = dir
	return Dial(ctx, o)
}
