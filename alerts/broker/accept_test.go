package broker

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// failingListener cannot accept, as without free file descriptors.
type failingListener struct {
	net.Listener
	tried chan time.Time
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.tried <- time.Now()
	return nil, errors.New("too many open files")
}

func (*failingListener) Close() error { return nil }

// A bridge that cannot accept tries again after pauses that grow, and a pause does not delay its end.
func TestAcceptIsRetriedAfterPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failingListener{tried: make(chan time.Time)}
		d := newSocketBridge(l, nil, nil, time.Second)
		at := <-l.tried
		for _, want := range []time.Duration{acceptRetry, 2 * acceptRetry, 4 * acceptRetry} {
			next := <-l.tried
			if got := next.Sub(at); got != want {
				t.Errorf("the pause is %v, not %v", got, want)
			}
			at = next
		}
		synctest.Wait()
		start := time.Now()
		d.close()
		if waited := time.Since(start); waited > 0 {
			t.Errorf("close waited %v for a pause", waited)
		}
	})
}
