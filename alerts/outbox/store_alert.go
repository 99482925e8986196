package outbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"vigil/alerts/broker"
)

const (
	// firstRetry is the pause before the second attempt to store or to deliver, Options.LongestPause the longest.
	firstRetry = 50 * time.Millisecond
	// failuresBeforeRestart is how many times in a row the server may fail to answer before it is restarted.
	failuresBeforeRestart = 2
)

// storeFailure is the error with which the embedded server could not write. It ends attempts that wait for a reply,
// since none will come.
type storeFailure struct {
	mu     sync.Mutex
	err    error
	failed chan struct{}
}

func (s *storeFailure) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	if s.failed == nil {
		s.failed = make(chan struct{})
	}
	close(s.failed)
}

// get returns the error and a channel that is closed when there is one.
func (s *storeFailure) get() (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = make(chan struct{})
	}
	return s.failed, s.err
}

func (s *storeFailure) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.failed = nil, make(chan struct{})
}

// storeWithRetry stores one encoded alert; between attempts it trims a full stream or restarts a server that cannot
// write.
func (o *Outbox) storeWithRetry(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	failures, counted := 0, false
	defer func() {
		if counted {
			o.addWaiting(-1)
		}
	}()
	for wait := o.newBackoff(); ; {
		seq, err := o.storeOnce(ctx, subject, id, data)
		if err == nil {
			if counted {
				counted = false
				o.addWaiting(-1)
			}
			o.reportRecovered()
			return seq, nil
		}
		if !counted {
			counted = true
			o.addWaiting(1)
		}
		if ctx.Err() == nil {
			o.reportFailure(fmt.Errorf("alert %s: %w", id, err))
		}
		failures++
		switch _, failure := o.storeFailure.get(); {
		case ctx.Err() != nil:
		case broker.Full(err):
			err = o.trim(ctx, true)
		case broker.Sealed(err): // a restart does not help
		case failure != nil, broker.StoreFailed(err), failures >= failuresBeforeRestart:
			failures = 0
			err = o.restartServer(ctx)
		}
		if err != nil && ctx.Err() == nil {
			o.log.Debug("alert is not stored yet", "id", id, "error", err)
		}
		if !wait.Wait(ctx) {
			return 0, fmt.Errorf("store alert %s: %w", id, context.Cause(ctx))
		}
	}
}

// storeOnce makes one attempt, which a failed write of the server ends.
func (o *Outbox) storeOnce(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	failed, failure := o.storeFailure.get()
	if failure != nil {
		return 0, failure
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-failed:
			_, failure := o.storeFailure.get()
			cancel(failure)
		case <-done:
		}
	}()
	seq, err := o.conn.StoreLocal(ctx, subject, id, data)
	if err == nil {
		// The directory was moved or deleted, so the acknowledged message is lost: it is stored again, with the same
		// id.
		if moved := o.server.Moved(); moved != nil {
			o.storeFailure.set(moved)
			return 0, moved
		}
	}
	if _, failure := o.storeFailure.get(); err != nil && failure != nil {
		err = failure
	}
	return seq, err
}
