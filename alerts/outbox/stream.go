package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// An account that may write may also delete, seal or change the stream of alerts.
var (
	errStreamGone = errcode.StoreStreamChanged.New(
		"the stream of alerts was deleted by another program while vigil runs; it is created again")
	errStreamSealed = errcode.StoreStreamChanged.New("the stream " + broker.Stream +
		" was sealed by another program, so that nothing more can be stored in it, and that cannot " +
		"be undone: export the alerts that are wanted ('vigil alerts export'), then delete the stream with an " +
		"account that may write; vigil creates it again")
)

// checkStream checks that the stream exists with vigil's configuration.
func (o *Outbox) checkStream(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, failure := o.storeFailure.get(); failure == nil {
			o.log.Error("ALARM: the stream of alerts is gone and is created again: what it held is lost", "messages",
				o.messageCount.Load(), "waited", o.Backlog(), errcode.Key, errcode.StoreStreamChanged)
			o.storeFailure.set(errStreamGone)
		}
		return
	}
	if err != nil {
		return // the next store reports the error
	}
	info := s.CachedInfo()
	o.messageCount.Store(info.State.Msgs)
	o.counters.bytes.Store(info.State.Bytes)
	if info.Config.Sealed {
		o.reportFailure(errStreamSealed)
		return
	}
	if o.isChanged(info.Config) {
		if _, err := o.restoreStream(ctx); err != nil {
			o.log.Error("ALARM: the stream of alerts was changed by another program and cannot be set back",
				"error", err, errcode.Key, errcode.StoreStreamChanged)
		}
	}
}

// isChanged reports whether a stream's configuration differs from vigil's.
func (o *Outbox) isChanged(c jetstream.StreamConfig) bool {
	return c.Discard != jetstream.DiscardNew || c.DiscardNewPerSubject || c.MaxBytes != o.opts.Bytes || c.MaxMsgs > 0 ||
		c.MaxAge > 0 || c.MaxMsgsPerSubject > 0 || c.MaxMsgSize > 0 || c.NoAck || c.Duplicates != broker.DedupWindow ||
		c.SubjectTransform != nil || c.RePublish != nil || len(c.Sources) > 0 ||
		!slices.Equal(c.Subjects, []string{broker.StreamSubject})
}

// restoreStream creates the stream if it is missing, and restores its configuration and logs it if another program has
// changed it. A stream that is as it should be is not updated: that could undo a change made at this moment without a
// word.
func (o *Outbox) restoreStream(ctx context.Context) (jetstream.Stream, error) {
	before, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, err
	}
	if err == nil && !o.isChanged(before.CachedInfo().Config) {
		return before, nil
	}
	s, kept := o.conn.EnsureLocalStream(ctx, o.opts.Bytes)
	if kept == nil && err == nil {
		o.log.Error("ALARM: the stream of alerts was changed by another program and is set back", "messages",
			before.CachedInfo().State.Msgs, errcode.Key, errcode.StoreStreamChanged)
	}
	return s, kept
}

// recreateStream creates the stream if it is missing after a restart of the server.
func (o *Outbox) recreateStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for !o.conn.Connected() {
		if !retry.Sleep(ctx, firstRetry) {
			return fmt.Errorf("the embedded server cannot be reached: %w", context.Cause(ctx))
		}
	}
	s, err := o.restoreStream(ctx)
	if err != nil {
		return err
	}
	last := s.CachedInfo().State.LastSeq
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, numbers := range []map[string]uint64{o.lastStored, o.idleCursors, o.initialCursors} {
		for key, at := range numbers {
			numbers[key] = min(at, last)
		}
	}
	o.trimmedBelow = min(o.trimmedBelow, last+1)
	for id, first := range o.openEvents {
		o.openEvents[id] = min(first, last+1)
	}
	for _, f := range o.forwarders {
		if at := f.cursor.Load(); at > last {
			f.cursor.CompareAndSwap(at, last)
		}
	}
	o.progress.Notify()
	return nil
}
