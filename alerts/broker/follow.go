package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/internal/retry"
)

const (
	heartbeat   = time.Second // a consumer that is silent for two of these is created again
	consumerTTL = time.Minute // after which the server deletes an unused consumer
	followRetry = 250 * time.Millisecond
)

// FollowOptions select the messages to follow. The zero value selects all new messages.
type FollowOptions struct {
	Subject string    // alerts.AllAlerts if empty
	Since   time.Time // also messages stored since then
	All     bool      // also all stored messages
	After   *Position // all messages behind it; nil for none
	Once    bool      // ends after the messages stored at the start
}

// Position is a place in the stream of alerts, behind a message.
type Position struct {
	Created time.Time // when the stream was created
	Seq     uint64    // number of the message; 0 for the beginning
}

// Position returns the position behind the last message of a state.
func (s State) Position() Position { return Position{s.Created, s.LastSeq} }

// Follow calls each once for every message of the stream of alerts, in order, and survives a restart of the server. It
// returns nil when ctx ends, or the error that each returned. Without a stream it reports StateWaiting and waits for
// one; with Once it ends.
func (c *Conn) Follow(ctx context.Context, o FollowOptions, each func(Record) error) error {
	o.Subject = cmp.Or(o.Subject, alerts.AllAlerts)
	p, err := c.startAt(ctx, o)
	call := func(r Record) error {
		r.Created = p.created
		if err := each(r); err != nil {
			return handlerError{err}
		}
		return nil
	}
	lastReported := ""
	switch {
	case errors.Is(err, ErrNoStream):
		lastReported = err.Error()
		c.onState(StateWaiting, err)
		p = &followPosition{}
	case err != nil:
		return err
	}
	if o.Once && p.last == 0 {
		return nil
	}
	for {
		err := c.session(ctx, o, p, call)
		if err == nil {
			return nil // Once, and all is read
		}
		var caller handlerError
		switch {
		case errors.As(err, &caller):
			return caller.err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whatever broke, it broke because the caller is done
		case c.nc.IsClosed():
			return fmt.Errorf("follow alerts: %w", c.scrub(err))
		case errors.Is(err, errPassedOver):
			continue
		case c.nc.IsConnected() && !isTransient(err) && err.Error() != lastReported:
			lastReported = err.Error()
			if errors.Is(err, ErrNoStream) {
				c.onState(StateWaiting, err)
				break
			}
			c.onState(StateRefused, fmt.Errorf("follow alerts: %w", c.scrub(err)))
		}
		if !retry.Sleep(ctx, followRetry) {
			return nil
		}
	}
}

// isTransient reports whether an error is caused by a restart of the server, which the connection itself reports.
func isTransient(err error) bool {
	return errors.Is(err, ErrDisconnected) || errors.Is(err, jetstream.ErrNoHeartbeat)
}

// handlerError carries the error of the caller's function past the errors that a new session recovers from.
type handlerError struct{ err error }

func (e handlerError) Error() string { return e.err.Error() }

// followPosition is the position in the stream to continue from. Sequence numbers mean nothing in a stream that was
// created again.
type followPosition struct {
	created time.Time
	next    uint64    // sequence number, 0 until one is known
	since   time.Time // used if next is 0
	last    uint64    // last number of the stream at the start
}

func (c *Conn) startAt(ctx context.Context, o FollowOptions) (*followPosition, error) {
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	p := &followPosition{created: s.CachedInfo().Created, last: s.CachedInfo().State.LastSeq}
	switch {
	case o.After != nil && !o.After.Created.Equal(p.created):
		p.next = 1 // all of a stream that was created again is new
	case o.After != nil:
		p.next = min(o.After.Seq, p.last) + 1
	case o.All:
		p.next = 1
	case !o.Since.IsZero():
		p.since = o.Since
	default:
		p.next = s.CachedInfo().State.LastSeq + 1
	}
	return p, nil
}

// session reads with one consumer until an error occurs. The client's ordered consumer would do the same, but does not
// notice the end of ctx while it waits for a lost server.
func (c *Conn) session(ctx context.Context, o FollowOptions, p *followPosition, each func(Record) error) error {
	ctx, release := c.WithConnErrors(ctx)
	defer release()
	s, err := c.stream(ctx)
	if err != nil {
		return err
	}
	if created := s.CachedInfo().Created; !created.Equal(p.created) {
		p.created, p.next = created, 1
	}
	if o.Once {
		return c.sessionOnce(ctx, s, o, p, each)
	}
	cons, err := c.consumer(ctx, s, o, p)
	if err != nil {
		return err
	}
	if p.next == 0 {
		p.next = cons.CachedInfo().Delivered.Stream + 1
	}
	defer c.forget(ctx, s, cons.CachedInfo().Name)
	it, err := cons.Messages(jetstream.PullHeartbeat(heartbeat), jetstream.PullExpiry(10*heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer it.Stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := nextWithin(ctx, it, followStall)
		if errors.Is(err, errStalled) {
			if err := c.passOver(ctx, s, cons, o, p, each); err != nil {
				return err
			}
			delivered--
			continue
		}
		if err != nil {
			return guardCause(ctx, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return errors.New("a message from NATS was lost in transit")
		}
		if err := each(recordOf(msg, meta)); err != nil {
			return err
		}
		if o.Subject == alerts.AllAlerts && meta.Sequence.Stream > p.next && p.next > 0 {
			c.tellGap(ctx, s, p.next, meta.Sequence.Stream-1)
		}
		p.next = meta.Sequence.Stream + 1
	}
}

// tellGap reports which of these numbers the server has but did not deliver.
func (c *Conn) tellGap(ctx context.Context, s jetstream.Stream, first, last uint64) {
	sc := &scan{c: c, s: s, o: ScanOptions{Subject: alerts.AllAlerts}, next: first, last: last}
	_, _ = sc.finish(ctx) // if the request fails nothing is known, and the next messages matter more
}

// sessionOnce reads the messages stored at the start.
func (c *Conn) sessionOnce(ctx context.Context, s jetstream.Stream, o FollowOptions, p *followPosition,
	each func(Record) error,
) error {
	_, err := c.scan(ctx, s, ScanOptions{From: p.next, Since: p.since, Last: p.last, Subject: o.Subject},
		func(r Record) error {
			if err := each(r); err != nil {
				return err
			}
			p.next = r.Seq + 1
			return nil
		})
	if err != nil {
		return guardCause(ctx, err)
	}
	return nil
}

// followStall is the time without a message after which the consumer is checked for pending ones.
const followStall = 5 * time.Second

// errPassedOver means that a message could not be read and was skipped; reading continues after it with a new consumer.
var errPassedOver = errors.New("a message cannot be read")

// passOver checks whether the consumer has a message that it does not deliver, as happens at one that the server cannot
// read. It then returns errPassedOver.
func (c *Conn) passOver(ctx context.Context, s jetstream.Stream, cons jetstream.Consumer, o FollowOptions,
	p *followPosition,
	each func(Record) error,
) error {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := cons.Info(asking)
	if err != nil {
		return guardCause(ctx, err)
	}
	switch {
	case info.Delivered.Stream >= p.next:
		return errPassedOver // one was lost in transit, and the next consumer delivers it again
	case info.NumPending == 0:
		return nil
	}
	state, err := s.Info(asking)
	if err != nil {
		return guardCause(ctx, err)
	}
	sc := &scan{
		c: c, s: s, o: ScanOptions{Subject: o.Subject}, next: p.next, last: state.State.LastSeq, each: each,
	}
	err = sc.byNumber(ctx, fastAfter)
	p.next = sc.next
	c.reportUnreadable(sc.unreadable)
	if err != nil {
		return guardCause(ctx, err)
	}
	return errPassedOver
}

func (c *Conn) consumer(ctx context.Context, s jetstream.Stream, o FollowOptions,
	p *followPosition) (jetstream.Consumer,
	error,
) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	cfg := jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: consumerTTL,
		FilterSubject:     o.Subject,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       p.next,
	}
	if p.next == 0 {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &p.since
	}
	return s.CreateConsumer(ctx, cfg)
}

// forget deletes a consumer that is no longer read; else the server would delete it after consumerTTL.
func (c *Conn) forget(ctx context.Context, s jetstream.Stream, name string) {
	if !c.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.DeleteConsumer(ctx, name)
}

// covers reports whether wide matches every subject that narrow matches.
func covers(wide, narrow string) bool {
	w, n := strings.Split(wide, "."), strings.Split(narrow, ".")
	for i, token := range w {
		if token == ">" {
			return i < len(n)
		}
		if i >= len(n) || n[i] == ">" || token != "*" && token != n[i] {
			return false
		}
	}
	return len(w) == len(n)
}
