package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// cache keeps what was read.
type cache[K comparable, V any] struct {
	mu  sync.Mutex
	all map[K]V
}

func newCache[K comparable, V any]() *cache[K, V] { return &cache[K, V]{all: map[K]V{}} }

// get returns what is kept of a key, or else what read returns, and keeps that unless it is an error.
func (c *cache[K, V]) get(key K, read func() (V, error)) (V, error) {
	c.mu.Lock()
	v, ok := c.all[key]
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := read()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxCached {
		clear(c.all)
	}
	c.all[key] = v
	return v, nil
}

// read returns what is stored of alerts. One without a readable message is left out.
func (x *Index) read(ctx context.Context, found []indexed, messages *cache[uint64, Message]) ([]Entry, error) {
	ackOf, err := x.openAcks(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := x.archive.conn.Messages(ctx)
	if err != nil {
		return nil, err
	}
	entries := make([]*Entry, len(found))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(maxFetches)
	for n, i := range found {
		work.Go(func() error {
			m, err := i.latest(func(number uint64) (Message, error) {
				return messages.get(number, func() (Message, error) { return fetch(ctx, stream, number) })
			})
			if errors.Is(err, broker.ErrNoMessage) {
				return nil
			}
			if err != nil {
				return err
			}
			entries[n] = &Entry{Message: m}
			entries[n].Ack, err = ackOf(ctx, m.Alert.ID)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	var all []Entry
	for _, e := range entries {
		if e != nil {
			all = append(all, *e)
		}
	}
	return all, nil
}

// fetch returns the message with a number; broker.ErrNoMessage if it is not stored any more, or is not one of vigil's.
func fetch(ctx context.Context, stream broker.Messages, number uint64) (Message, error) {
	r, err := stream.Get(ctx, number)
	if err != nil {
		return Message{}, err
	}
	a, err := alerts.Decode(r.Data)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", broker.ErrNoMessage, err)
	}
	return Message{Alert: a, Raw: r.Data}, nil
}

// latest returns the latest message of an alert that can be read, or broker.ErrNoMessage.
func (i indexed) latest(read func(number uint64) (Message, error)) (Message, error) {
	for _, m := range slices.Backward(i.messages) {
		found, err := read(m.number)
		switch {
		case errors.Is(err, broker.ErrNoMessage):
		case err != nil:
			return found, err
		case found.Alert.ID == i.place.ID:
			return found, nil
		}
	}
	return Message{}, broker.ErrNoMessage
}

// openAcks returns a function that returns the acknowledgement of an alert, nil if there is none. As long as the bucket
// does not change, each is read once.
func (x *Index) openAcks(ctx context.Context) (func(ctx context.Context, id string) (*alerts.Ack, error), error) {
	acks, err := x.archive.openAcks(ctx)
	if err != nil {
		return nil, err
	}
	now, err := acks.state(ctx)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	if now != x.acksAt {
		x.acks, x.acksAt = newCache[string, *alerts.Ack](), now
	}
	known := x.acks
	x.mu.Unlock()
	return func(ctx context.Context, id string) (*alerts.Ack, error) {
		return known.get(id, func() (*alerts.Ack, error) {
			ack, err := acks.of(ctx, id)
			if errors.As(err, new(unreadableAck)) {
				return nil, nil // it must not hide the other alerts
			}
			return ack, err
		})
	}, nil
}
