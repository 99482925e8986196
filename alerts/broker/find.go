package broker

import (
	"context"
	"errors"
	"fmt"
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

// Find gives the messages of one alert in their order, each once, or ErrNoAlert. It reads the heads of what was stored
// since the id was made.
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
		return nil, fmt.Errorf("%w: %s in the stream %s of NATS at %s", ErrNoAlert, id, Stream, c.address)
	}
	return found, nil
}

// numbersOf gives the numbers of an alert's messages in the stream, repeats left out. The consumer that it needs is
// gone afterwards.
func (c *Conn) numbersOf(ctx context.Context, s jetstream.Stream, id string) ([]uint64, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, err
	}
	var seqs []uint64
	seen := map[string]bool{}
	err = c.heads(ctx, s, ulid.Time(u.Time()).Add(-clocksApart), alerts.AllAlerts,
		func(of, message string, seq uint64) {
			if of == id && !seen[message] {
				seen[message] = true
				seqs = append(seqs, seq)
			}
		})
	return seqs, err
}
