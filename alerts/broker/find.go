package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"vigil/alerts"
)

// Stored is an alert's message as it is stored.
type Stored struct {
	Alert alerts.Alert
	Raw   []byte // the CloudEvent as it was published
}

// ErrNoAlert is the answer where the stream has nothing of an alert.
var ErrNoAlert = errors.New("no such alert")

// clocksApart is how far the clock that made an id may be ahead of the server's.
const clocksApart = time.Hour

// Find gives the messages of one alert in their order, each once, or ErrNoAlert. It reads the heads of what was stored since the id was
// made.
func (c *Conn) Find(ctx context.Context, id string) ([]Stored, error) {
	if err := alerts.ValidID(id); err != nil {
		return nil, err
	}
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	seqs, err := c.numbersOf(ctx, s, id)
	if err != nil {
		return nil, fmt.Errorf("find alert %s: %w", id, c.scrub(err))
	}
	var found []Stored
	for _, seq := range seqs {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // let go meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("find alert %s: %w", id, c.scrub(err))
		}
		a, err := alerts.Decode(m.Data)
		if err != nil {
			return nil, fmt.Errorf("find alert %s: %w", id, err)
		}
		found = append(found, Stored{a, m.Data})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: %s in the stream %s of NATS at %s", ErrNoAlert, id, Stream, c.where)
	}
	return found, nil
}

// numbersOf gives the numbers of an alert's messages in the stream, repeats left out. The consumer that it needs is gone afterwards.
func (c *Conn) numbersOf(ctx context.Context, s jetstream.Stream, id string) ([]uint64, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, err
	}
	since := ulid.Time(u.Time()).Add(-clocksApart)
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: forgetAfter,
		HeadersOnly: true, FilterSubject: alerts.AllAlerts, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	}
	cons, err := s.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer c.forget(ctx, s, cons.CachedInfo().Name)
	if cons.CachedInfo().NumPending == 0 {
		return nil, nil
	}
	it, err := cons.Messages()
	if err != nil {
		return nil, err
	}
	defer it.Stop()
	var seqs []uint64
	seen := map[string]bool{}
	for delivered := uint64(1); ; delivered++ {
		msg, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, err
		}
		if meta.Sequence.Consumer != delivered {
			return nil, errors.New("a message was lost on the way from NATS")
		}
		head := msg.Headers().Get(jetstream.MsgIDHeader)
		if of, _, ok := strings.Cut(head, ":"); ok && of == id && !seen[head] {
			seen[head] = true
			seqs = append(seqs, meta.Sequence.Stream)
		}
		if meta.NumPending == 0 {
			return seqs, nil
		}
	}
}
