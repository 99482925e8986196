package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
)

const (
	heartbeat     = time.Second // a consumer that is silent for two of these is made anew
	forgetAfter   = time.Minute // the server drops a consumer that nobody asks any more
	refollowPause = 250 * time.Millisecond
)

// FollowOptions choose what to follow. The zero value is every camera, from now on.
type FollowOptions struct {
	Camera string        // one camera only
	Since  time.Duration // with the history of this long
	All    bool          // with the whole history
	Once   bool          // ends after what is stored when it begins
	// Invalid hears of messages under the alerts' subjects that are none of ours; nil passes them over in silence.
	Invalid func(subject string, err error)
}

// Follow calls each for every alert in the order of the stream, each once, and survives a restart of the server. It
// returns nil when ctx ends, or the error that each returned. Where there is no stream yet it says so by OnState and waits for one; with Once it
// ends.
func (c *Conn) Follow(ctx context.Context, o FollowOptions, each func(alerts.Alert) error) error {
	return c.FollowRaw(ctx, o, func(a alerts.Alert, _ []byte) error { return each(a) })
}

// FollowRaw is Follow with the message as it was published, fields of later versions included.
func (c *Conn) FollowRaw(ctx context.Context, o FollowOptions, each func(alerts.Alert, []byte) error) error {
	p, err := c.startAt(ctx, o)
	told := ""
	switch {
	case errors.Is(err, ErrNoStream):
		told = err.Error()
		c.onState(StateWaiting, err)
		p = &position{}
	case err != nil:
		return err
	}
	if o.Once && p.last == 0 {
		return nil
	}
	for {
		err := c.session(ctx, o, p, each)
		if err == nil {
			return nil // Once, and all of it
		}
		var caller callerError
		switch {
		case errors.As(err, &caller):
			return caller.err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whatever broke, it broke because the caller is done
		case c.nc.IsClosed():
			return fmt.Errorf("follow alerts: %w", c.scrub(err))
		case c.nc.IsConnected() && !passing(err) && err.Error() != told:
			told = err.Error()
			if errors.Is(err, ErrNoStream) {
				c.onState(StateWaiting, err)
				break
			}
			c.onState(StateRefused, fmt.Errorf("follow alerts: %w", c.scrub(err)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(refollowPause):
		}
	}
}

// passing tells what belongs to a server's going and coming, which the connection itself reports.
func passing(err error) bool {
	return errors.Is(err, ErrDisconnected) || errors.Is(err, jetstream.ErrNoHeartbeat)
}

// callerError carries what the caller's own function returned past the errors that a new session mends.
type callerError struct{ err error }

func (e callerError) Error() string { return e.err.Error() }

// position is where in the stream to go on. Sequence numbers mean nothing in a stream that was created anew.
type position struct {
	created time.Time
	next    uint64    // sequence number, 0 until one is known
	since   time.Time // where next is 0
	last    uint64    // of the stream when it began
}

func (c *Conn) startAt(ctx context.Context, o FollowOptions) (*position, error) {
	if o.Camera != "" {
		if err := alerts.ValidCamera(o.Camera); err != nil {
			return nil, err
		}
	}
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	p := &position{created: s.CachedInfo().Created, last: s.CachedInfo().State.LastSeq}
	switch {
	case o.All:
		p.next = 1
	case o.Since > 0:
		p.since = time.Now().Add(-o.Since)
	default:
		p.next = s.CachedInfo().State.LastSeq + 1
	}
	return p, nil
}

// session reads with one consumer until something breaks. The client's own ordered consumer would do the same, but
// while it waits for a lost server it does not hear that ctx has ended.
func (c *Conn) session(ctx context.Context, o FollowOptions, p *position, each func(alerts.Alert, []byte) error) error {
	ctx, release := c.Guard(ctx)
	defer release()
	s, err := c.stream(ctx)
	if err != nil {
		return err
	}
	if created := s.CachedInfo().Created; !created.Equal(p.created) {
		p.created, p.next = created, 1
	}
	cons, err := c.consumer(ctx, s, o, p)
	if err != nil {
		return err
	}
	if o.Once && cons.CachedInfo().NumPending == 0 {
		c.forget(ctx, s, cons.CachedInfo().Name)
		return nil
	}
	defer c.forget(ctx, s, cons.CachedInfo().Name)
	it, err := cons.Messages(jetstream.PullHeartbeat(heartbeat), jetstream.PullExpiry(10*heartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return err
	}
	defer it.Stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return reason(ctx, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered {
			return errors.New("a message was lost on the way from NATS")
		}
		a, err := alerts.Decode(msg.Data())
		switch {
		case err == nil:
			if err := each(a, msg.Data()); err != nil {
				return callerError{err}
			}
		case o.Invalid != nil:
			o.Invalid(msg.Subject(), err)
		}
		p.next = meta.Sequence.Stream + 1
		if o.Once && (p.next > p.last || meta.NumPending == 0) {
			return nil
		}
	}
}

func (c *Conn) consumer(ctx context.Context, s jetstream.Stream, o FollowOptions, p *position) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	cfg := jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        1,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: forgetAfter,
		FilterSubject:     alerts.AllAlerts,
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       p.next,
	}
	if p.next == 0 {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &p.since
	}
	if o.Camera != "" {
		cfg.FilterSubject = alerts.CameraSubject(o.Camera)
	}
	return s.CreateConsumer(ctx, cfg)
}

// forget spares the server a consumer that nobody reads; it would drop it after a while by itself.
func (c *Conn) forget(ctx context.Context, s jetstream.Stream, name string) {
	if !c.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.DeleteConsumer(ctx, name)
}

// covers tells whether every subject that narrow matches is matched by wide as well.
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
