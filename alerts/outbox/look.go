package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
)

// life is what the outbox holds of an event that has no end yet.
type life struct{ first, last uint64 }

// look reads the heads of all stored messages: which cameras there are, and which events have no end. It gives the numbers of the
// last messages of these, the oldest event first.
func (o *Outbox) look(ctx context.Context) ([]uint64, error) {
	js := o.conn.JetStream()
	s, err := js.Stream(ctx, broker.Stream)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil, nil
	}
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{HeadersOnly: true, DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	it, err := cons.Messages()
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	defer it.Stop()
	lives := map[string]*life{}
	for {
		msg, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("read the outbox: %w", err)
		}
		o.note(lives, msg.Subject(), msg.Headers().Get(jetstream.MsgIDHeader), meta.Sequence.Stream)
		if meta.NumPending == 0 {
			break
		}
	}
	all := slices.SortedFunc(maps.Values(lives), func(a, b *life) int { return int(a.first) - int(b.first) })
	last := make([]uint64, len(all))
	for i, l := range all {
		last[i] = l.last
	}
	return last, nil
}

// note takes one message into account. What is none of ours is passed over.
func (o *Outbox) note(lives map[string]*life, subject, id string, seq uint64) {
	camera, phase, ok := parseSubject(subject)
	if !ok {
		return
	}
	o.stored[camera] = seq
	id, _, ok = strings.Cut(id, ":")
	switch l := lives[id]; {
	case !ok:
	case phase == alerts.PhaseEnd:
		delete(lives, id)
	case l == nil:
		lives[id] = &life{first: seq, last: seq}
	default:
		l.last = seq
	}
}

func parseSubject(subject string) (camera string, phase alerts.Phase, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || alerts.ValidCamera(parts[2]) != nil {
		return "", "", false
	}
	return parts[2], alerts.Phase(parts[3]), true
}

// recover ends an event that a process left open when it died. Nothing is known of it after its last message.
func (o *Outbox) recover(ctx context.Context, seq uint64) error {
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return fmt.Errorf("close an event of before: %w", err)
	}
	msg, err := s.GetMsg(ctx, seq)
	if err != nil {
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		return fmt.Errorf("close an event of before: %w", err)
	}
	id := msg.Header.Get(jetstream.MsgIDHeader)
	m := Message{Seq: seq, Subject: msg.Subject, ID: id, Data: msg.Data, Origin: msg.Header.Get(broker.OriginHeader)}
	if err := o.vet(m); err != nil {
		// Somebody else's, or of a later program, perhaps: an end of it is not ours to invent.
		o.log.Warn("an event without an end is left as it is", "id", id, "error", err)
		return nil
	}
	a, err := alerts.Decode(msg.Data)
	if err != nil {
		return err
	}
	a = alerts.Recovered(a)
	if err := o.Publish(ctx, a); err != nil {
		return err
	}
	o.log.Warn("an event that was open when vigil died is ended", "camera", a.Camera, "id", a.ID)
	return nil
}
