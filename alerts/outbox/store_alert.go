package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

const (
	// firstRetry is the pause before the second attempt to store or to deliver, Options.LongestPause the longest.
	firstRetry = 50 * time.Millisecond
	// failuresBeforeRestart is how many times in a row the server may fail to answer before it is restarted.
	failuresBeforeRestart = 2
	// reserveFactor times the reserve is what Reclaim should leave free on the disk: 64 MiB by default.
	reserveFactor = 4
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

// restartServer recovers a server that cannot write: it releases the reserve, restarts the server, and calls Reclaim
// if the disk is still nearly full.
func (o *Outbox) restartServer(ctx context.Context) error {
	o.restartMu.Lock()
	defer o.restartMu.Unlock()
	if _, failure := o.storeFailure.get(); failure == nil && o.conn.Connected() &&
		time.Since(o.restartedAt) < restartGrace {
		return nil // another goroutine has just restarted it
	}
	o.reserve.release()
	_, cause := o.storeFailure.get()
	// Cleared before the start: later errors are new failures.
	o.storeFailure.clear()
	if err := o.server.Restart(ctx); err != nil {
		o.storeFailure.set(err)
		return fmt.Errorf("restart the embedded server: %w", err)
	}
	o.restartedAt = time.Now()
	o.log.Warn("embedded NATS server restarted after it could not write", "free_bytes", freeBytes(o.opts.Server.Dir),
		errcode.Key, storeCode(cause))
	o.mu.Lock()
	free := o.reclaim
	o.mu.Unlock()
	var err error
	if left := freeBytes(o.opts.Server.Dir); free != nil && left < 2*o.opts.Reserve {
		if err = free(ctx, reserveFactor*o.opts.Reserve-left); err != nil {
			err = fmt.Errorf("free disk space for alerts: %w", err)
		}
	}
	if o.needsSettle = o.needsSettle || o.loss.hasUnreported() || errors.Is(cause, broker.ErrMoved) ||
		errors.Is(cause, errStreamGone); o.needsSettle {
		settled := o.settle(ctx)
		o.needsSettle = settled != nil
		err = errors.Join(err, settled)
	}
	return err
}

// settle recreates the stream and the cursors if a restart found them missing, and reports missing alerts.
func (o *Outbox) settle(ctx context.Context) error {
	err := o.recreateStream(ctx)
	if err == nil {
		o.server.RecordDirs()
		err = o.openCursors(ctx)
	}
	if err != nil {
		err = fmt.Errorf("after a restart of the embedded server: %w", err)
		o.storeFailure.set(err)
		return err
	}
	o.mu.Lock()
	clear(o.savedCursors) // all cursors are saved again
	o.mu.Unlock()
	o.reportLoss()
	o.reportReturned(ctx)
	return nil
}

// restartGrace is how long after a restart no other one is tried, unless a write fails or the connection is lost.
const restartGrace = 2 * time.Second
