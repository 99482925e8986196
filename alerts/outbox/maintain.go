package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
	"vigil/internal/errcode"
)

const (
	saveInterval   = 200 * time.Millisecond
	refillInterval = 30 * time.Second
)

// maintain saves cursors, refills the reserve and checks the store at intervals, and restarts a server that fails
// while no alert comes.
func (o *Outbox) maintain() {
	save, refill := time.NewTicker(saveInterval), time.NewTicker(refillInterval)
	defer save.Stop()
	defer refill.Stop()
	for {
		failed, _ := o.storeFailure.get()
		select {
		case <-o.ctx.Done():
			return
		case <-failed:
			o.recoverServer()
		case <-save.C:
			if err := o.server.Moved(); err != nil {
				o.checkStream(o.ctx) // it detects whether another program has deleted the stream
				o.storeFailure.set(err)
				continue
			}
			o.saveCursors(o.ctx)
		case <-refill.C:
			err := o.reserve.fill()
			if err != nil {
				o.log.Warn("no disk space is reserved for alerts", "error",
					errcode.StoreFailing.Default(errcode.Store(err)))
			}
			o.repeatStatus(err == nil)
			o.compareWithLedger(o.ctx)
			o.recordStreams()
			o.logLedgerState()
		}
	}
}

// recoverServer restarts the server until it can write.
func (o *Outbox) recoverServer() {
	for wait := o.newBackoff(); o.ctx.Err() == nil; {
		_, failure := o.storeFailure.get()
		if failure == nil {
			return
		}
		o.reportFailure(failure)
		if err := o.restartServer(o.ctx); err != nil && o.ctx.Err() == nil {
			o.log.Error("restart of the embedded server failed", "error", err, errcode.Key, storeCode(err))
		}
		if !wait.Wait(o.ctx) {
			return
		}
	}
}

// trim deletes the oldest quarter of a stream that is nearly full, as far as every sink has it and its events have
// ended. It returns an error if nothing can be deleted.
func (o *Outbox) trim(ctx context.Context, full bool) error {
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	if !full && int64(state.Bytes) < o.opts.Bytes/8*7 {
		return nil
	}
	keep := min(state.FirstSeq+(state.LastSeq-state.FirstSeq)/4+1, o.oldestNeeded())
	if keep <= state.FirstSeq {
		return fmt.Errorf("the outbox is full: none of its %d messages is delivered to all sinks: %v", state.Msgs,
			o.Backlog())
	}
	// The ledger comes first: after a kill following the purge the deleted alerts must not count as missing. Messages
	// that the purge did not delete are found at the next start.
	o.ledger.Reclaimed(keep)
	if err := o.ledger.Flush(ctx); err != nil {
		o.log.Debug("the deletion of the oldest alerts is not in the ledger yet", "error", err)
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return err
	}
	o.mu.Lock()
	o.trimmedBelow = max(o.trimmedBelow, keep)
	o.mu.Unlock()
	o.log.Info("the oldest alerts were deleted", "up_to", keep-1, "bytes", state.Bytes)
	return nil
}

// oldestNeeded returns the number of the oldest message that must not be deleted.
func (o *Outbox) oldestNeeded() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	keep := ^uint64(0)
	for _, first := range o.openEvents {
		keep = min(keep, first)
	}
	for _, f := range o.forwarders {
		if at := f.cursor.Load(); at < o.lastStored[f.camera] {
			keep = min(keep, at+1)
		}
	}
	return keep
}
