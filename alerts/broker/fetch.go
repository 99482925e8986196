package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoMessage means that the stream has no message with a subject.
var ErrNoMessage = errors.New("no such message")

// Messages reads messages of the stream of alerts by their numbers. It may be used concurrently.
type Messages struct {
	conn   *Conn
	stream jetstream.Stream
}

// Messages opens the stream of alerts, which must exist.
func (c *Conn) Messages(ctx context.Context) (Messages, error) {
	s, err := c.stream(ctx)
	return Messages{c, s}, err
}

// Get returns the message with a number; ErrNoMessage if it is no longer stored, or if the server cannot read it.
func (m Messages) Get(ctx context.Context, number uint64) (Record, error) {
	raw, err := m.stream.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Record{}, fmt.Errorf("%w with the number %d", ErrNoMessage, number)
	}
	if err != nil {
		return Record{}, m.conn.scrub(err)
	}
	return rawRecord(raw), nil
}

// Fetch returns the messages of the stream of alerts with these numbers. Those no longer stored are omitted.
func (c *Conn) Fetch(ctx context.Context, numbers []uint64) ([]Record, error) {
	messages, err := c.Messages(ctx)
	if err != nil {
		return nil, err
	}
	var all []Record
	for _, n := range numbers {
		r, err := messages.Get(ctx, n)
		if errors.Is(err, ErrNoMessage) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
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
