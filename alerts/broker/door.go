package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// doorName is the socket in a server's directory through which programs of the same user reach it, wherever else it listens, if anywhere.
const doorName = "vigil.sock"

// door lets connections of this machine's programs in. The directory's permissions say whose.
type door struct {
	listener net.Listener
	inside   func() (net.Conn, error)
	work     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once it is closed
}

// openDoor listens in a directory that is this process's alone, so that a socket which is there already is a dead process's.
func openDoor(dir string, inside func() (net.Conn, error)) (*door, error) {
	path := filepath.Join(dir, doorName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	d := &door{listener: l, inside: inside, conns: map[net.Conn]struct{}{}}
	d.work.Go(d.accept)
	return d, nil
}

func (d *door) accept() {
	for {
		outer, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.work.Go(func() { d.join(outer) })
	}
}

// join passes on what both sides say until one of them has enough.
func (d *door) join(outer net.Conn) {
	defer d.forget(outer)
	if !d.note(outer) {
		return
	}
	inner, err := d.inside()
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(outer, inner)
		_ = outer.Close()
	}()
	_, _ = io.Copy(inner, outer)
	_ = inner.Close()
	<-done
}

func (d *door) note(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		return false
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *door) forget(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	for c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
	d.mu.Unlock()
	d.work.Wait()
}

// knocker dials a door, whatever address the client asks for.
type knocker string

func (k knocker) Dial(string, string) (net.Conn, error) {
	return net.DialTimeout("unix", string(k), dialTimeout)
}

// ErrNotRunning is the answer where no process has the store open.
var ErrNotRunning = errors.New("no vigil runs on this store")

// DialLocal connects to the process that has the store in dir open, whatever address its server has; user and password are those of its
// configuration, and may be empty. Where there is no such process it is ErrNotRunning.
func DialLocal(ctx context.Context, dir string, o DialOptions) (*Conn, error) {
	conn, err := knocker(filepath.Join(dir, doorName)).Dial("", "")
	if err != nil {
		return nil, fmt.Errorf("alert store %s: %w", dir, ErrNotRunning)
	}
	_ = conn.Close()
	o.local = dir
	return Dial(ctx, o)
}
