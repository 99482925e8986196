package broker

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"vigil/internal/alerttest"
)

// A client that never reads is disconnected, and the sending to it ends.
func TestStalledClientIsDisconnected(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	inside := func() (net.Conn, error) {
		far, near := net.Pipe()
		go func() {
			for {
				if _, err := far.Write(make([]byte, 1<<16)); err != nil {
					ended <- err
					return
				}
			}
		}()
		return near, nil
	}
	d := newSocketBridge(l, inside, func(outer, inner net.Conn) error {
		_, err := io.Copy(inner, outer)
		return err
	}, 50*time.Millisecond)
	defer d.close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	select {
	case err := <-ended:
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	case <-alerttest.Within(t).Done():
		t.Fatal("the server still waits for a client that never reads")
	}
	_ = l.Close()
	free := make(chan struct{})
	go func() {
		d.work.Wait()
		close(free)
	}()
	select {
	case <-free:
	case <-alerttest.Within(t).Done():
		t.Error("the connection still counts as work")
	}
}
