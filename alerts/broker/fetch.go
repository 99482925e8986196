package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoMessage means that the stream has no message with a subject.
var ErrNoMessage = errors.New("no such message")

// Fetch returns the messages of the stream of alerts with these numbers. Those no longer stored are omitted.
func (c *Conn) Fetch(ctx context.Context, numbers []uint64) ([]Record, error) {
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, n := range numbers {
		raw, err := s.GetMsg(ctx, n)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, c.scrub(err)
		}
		all = append(all, rawRecord(raw))
	}
	return all, nil
}

// Last returns the last message of the stream of alerts with a subject, which may have wildcards; ErrNoMessage if there
// is none, or if the server cannot read it.
func (c *Conn) Last(ctx context.Context, subject string) (Record, error) {
	s, err := c.stream(ctx)
	if err != nil {
		return Record{}, err
	}
	raw, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Record{}, fmt.Errorf("%w on %s", ErrNoMessage, subject)
	}
	if err != nil {
		return Record{}, c.scrub(err)
	}
	return rawRecord(raw), nil
}
