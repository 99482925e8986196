package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vigil/alerts/broker"
)

const (
	firstPause = 50 * time.Millisecond
	// patience is how often in a row the server may fail to answer before it is restarted for that alone.
	patience = 2
	// roomFor is how many times the reserve is to be free when the others have given back what they can: 64 MiB by
	// default.
	roomFor = 4
)

// sickness is that the embedded server could not write. Attempts that wait for its answer end with it, since none will
// come.
type sickness struct {
	mu    sync.Mutex
	err   error
	alarm chan struct{}
}

func (s *sickness) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	if s.alarm == nil {
		s.alarm = make(chan struct{})
	}
	close(s.alarm)
}

// state gives a channel that closes when there is an error, and the error.
func (s *sickness) state() (<-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alarm == nil {
		s.alarm = make(chan struct{})
	}
	return s.alarm, s.err
}

func (s *sickness) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.alarm = nil, make(chan struct{})
}

// keep stores one encoded alert, whatever it takes.
func (o *Outbox) keep(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	failures, waits := 0, false
	defer func() {
		if waits {
			o.await(-1)
		}
	}()
	for pause := firstPause; ; pause = min(2*pause, o.opts.LongestPause) {
		seq, err := o.attempt(ctx, subject, id, data)
		if err == nil {
			if waits {
				waits = false
				o.await(-1)
			}
			o.calm()
			return seq, nil
		}
		if !waits {
			waits = true
			o.await(1)
		}
		if ctx.Err() == nil {
			o.alarm(fmt.Errorf("alert %s: %w", id, err))
		}
		failures++
		switch _, sick := o.sick.state(); {
		case ctx.Err() != nil:
		case broker.Full(err):
			err = o.trim(ctx, true)
		case broker.Sealed(err): // a restart changes nothing about it
		case sick != nil, broker.StoreFailed(err), failures >= patience:
			failures = 0
			err = o.mend(ctx)
		}
		if err != nil && ctx.Err() == nil {
			o.log.Debug("alert is not stored yet", "id", id, "error", err)
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("store alert %s: %w", id, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// attempt asks the server once; a failed write ends it at once.
func (o *Outbox) attempt(ctx context.Context, subject, id string, data []byte) (uint64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm, sick := o.sick.state()
	if sick != nil {
		return 0, sick
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-alarm:
			_, sick := o.sick.state()
			cancel(sick)
		case <-done:
		}
	}()
	seq, err := o.conn.Keep(ctx, subject, id, data)
	if err == nil {
		// What was acknowledged lies where nobody finds it: it is stored again, by the same id.
		if moved := o.server.Moved(); moved != nil {
			o.sick.set(moved)
			return 0, moved
		}
	}
	if _, sick := o.sick.state(); err != nil && sick != nil {
		err = sick
	}
	return seq, err
}

// mend brings a server back that cannot write: it frees the room that is held back, restarts the server, and asks the
// others to give back what they have on this disk.
func (o *Outbox) mend(ctx context.Context) error {
	o.mending.Lock()
	defer o.mending.Unlock()
	if _, sick := o.sick.state(); sick == nil && o.conn.Connected() && time.Since(o.mended) < mendPause {
		return nil // another one has just done it
	}
	o.reserve.release()
	_, why := o.sick.state()
	// Cleared before the start: what fails from then on is a new failure.
	o.sick.clear()
	if err := o.server.Restart(ctx); err != nil {
		o.sick.set(err)
		return fmt.Errorf("restart the embedded server: %w", err)
	}
	o.mended = time.Now()
	o.log.Warn("embedded NATS server restarted after it could not write", "free_bytes", freeBytes(o.opts.Server.Dir))
	o.mu.Lock()
	free := o.free
	o.mu.Unlock()
	var err error
	if left := freeBytes(o.opts.Server.Dir); free != nil && left < 2*o.opts.Reserve {
		if err = free(ctx, roomFor*o.opts.Reserve-left); err != nil {
			err = fmt.Errorf("free room for alerts: %w", err)
		}
	}
	if o.unsettled = o.unsettled || o.loss.found() || errors.Is(why, broker.ErrMoved) ||
		errors.Is(why, errStreamGone); o.unsettled {
		settled := o.settle(ctx)
		o.unsettled = settled != nil
		err = errors.Join(err, settled)
	}
	return err
}

// settle makes what the outbox needs where a restart has found it gone, and reports what is missing.
func (o *Outbox) settle(ctx context.Context) error {
	err := o.remake(ctx)
	if err == nil {
		o.server.Settled()
		err = o.openPlaces(ctx)
	}
	if err != nil {
		err = fmt.Errorf("after a restart of the embedded server: %w", err)
		o.sick.set(err)
		return err
	}
	o.mu.Lock()
	clear(o.saved) // each position is saved again
	o.mu.Unlock()
	o.sayLoss()
	o.findAgain(ctx)
	return nil
}

// mendPause is how long a restart counts as new.
const mendPause = 2 * time.Second
