package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

const (
	// restartGrace is how long after a restart no other one is tried, unless a write fails or the connection is lost.
	restartGrace = 2 * time.Second
	// reserveFactor times the reserve is what Reclaim should leave free on the disk: 64 MiB by default.
	reserveFactor = 4
)

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
	o.counters.restarts.Add(1)
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
