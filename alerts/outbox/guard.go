package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
)

// Whoever has an account that may write may also delete the stream of alerts, seal it or change it.
var (
	errStreamGone = errors.New(
		"the stream of alerts was deleted by another program while vigil runs; it is made again")
	errStreamSealed = errors.New("the stream " + broker.Stream +
		" was sealed by another program, so that nothing more can be stored in it, and that cannot " +
		"be undone: export the alerts that are wanted ('vigil alerts export'), then delete the stream with an " +
		"account that may write; vigil makes it again")
)

// guard looks whether the stream is there and as vigil made it.
func (o *Outbox) guard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, sick := o.sick.state(); sick == nil {
			o.log.Error("ALARM: the stream of alerts is gone, and it is made again: what it held is lost", "messages",
				o.held.Load(), "waited", o.Waiting())
			o.sick.set(errStreamGone)
		}
		return
	}
	if err != nil {
		return // whoever stores the next alert meets it
	}
	info := s.CachedInfo()
	o.held.Store(info.State.Msgs)
	if info.Config.Sealed {
		o.alarm(errStreamSealed)
		return
	}
	if o.changed(info.Config) {
		if _, err := o.setBack(ctx); err != nil {
			o.log.Error("ALARM: the stream of alerts was changed by another program and cannot be set back",
				"error", err)
		}
	}
}

// changed says whether a stream is not as vigil made it.
func (o *Outbox) changed(c jetstream.StreamConfig) bool {
	return c.Discard != jetstream.DiscardNew || c.MaxBytes != o.opts.Bytes || c.MaxMsgs > 0 || c.MaxAge > 0 ||
		c.MaxMsgsPerSubject > 0 || c.NoAck ||
		!slices.Equal(c.Subjects, []string{broker.StreamSubject})
}

// setBack makes the stream as it must be, and logs it where another program had changed it.
func (o *Outbox) setBack(ctx context.Context) (jetstream.Stream, error) {
	before, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, err
	}
	s, kept := o.conn.KeepStream(ctx, o.opts.Bytes)
	if kept == nil && err == nil && o.changed(before.CachedInfo().Config) {
		o.log.Error("ALARM: the stream of alerts was changed by another program and is set back", "messages",
			before.CachedInfo().State.Msgs)
	}
	return s, kept
}

// remake makes the stream where a restart of the server has not found it.
func (o *Outbox) remake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for !o.conn.Connected() {
		if !sleep(ctx, firstPause) {
			return fmt.Errorf("the embedded server cannot be reached: %w", context.Cause(ctx))
		}
	}
	s, err := o.setBack(ctx)
	if err != nil {
		return err
	}
	last := s.CachedInfo().State.LastSeq
	o.mu.Lock()
	defer o.mu.Unlock()
	for camera, at := range o.stored {
		o.stored[camera] = min(at, last)
	}
	for id, first := range o.open {
		o.open[id] = min(first, last+1)
	}
	for _, l := range o.lines {
		if at := l.place.Load(); at > last {
			l.place.CompareAndSwap(at, last)
		}
	}
	return nil
}
