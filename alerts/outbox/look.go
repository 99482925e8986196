package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/alerts/store"
)

// life is what the outbox holds of an event that has no end yet.
type life struct {
	id          string
	first, last uint64
}

// seen is what was found in the stream.
type seen struct {
	unended []life          // the oldest event first
	ended   map[string]bool // of the events that the ledger has as open
	there   store.Ranges
	last    uint64 // the stream's last number, which may be that of one that is lost
}

// gaps is how many numbers behind this one have no message.
func (s seen) gaps(number uint64) int {
	var behind store.Ranges
	if number < s.last {
		behind.Add(number+1, s.last)
	}
	return int(behind.Without(s.there).Count()) //nolint:gosec // A count of messages.
}

// look reads the heads of all stored messages: which cameras there are, and which events have no end. What cannot be
// read is passed over.
func (o *Outbox) look(ctx context.Context) (s seen, err error) {
	lives := map[string]*life{}
	s.ended = map[string]bool{}
	unreadable, err := o.conn.Scan(ctx, broker.ScanOptions{Heads: true}, func(r broker.Record) error {
		o.note(lives, r.Subject, r.ID, r.Seq)
		if id, _, _ := strings.Cut(r.ID, ":"); o.isOpen(id) {
			if _, phase, ok := parseSubject(r.Subject); ok && phase == alerts.PhaseEnd {
				s.ended[id] = true
			}
		}
		s.there.Add(r.Seq, r.Seq)
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("read the outbox: %w", err)
	}
	o.sayUnreadable(unreadable)
	for id, l := range lives {
		l.id = id
		s.unended = append(s.unended, *l)
	}
	slices.SortFunc(s.unended, func(a, b life) int { return cmp.Compare(a.first, b.first) })
	return s, nil
}

// isOpen says whether the ledger has an event as one that goes on.
func (o *Outbox) isOpen(id string) bool {
	if o.loss.known == nil {
		return false
	}
	_, open := o.loss.known.Open[id]
	return open
}

// closeEvents ends what a process left open when it died. An event is open when the stream has no end of it and the
// ledger does not say that it had one: else the end was stored and is what is missing. Of one that has lost its last
// messages the ledger knows these, so that its end has a number that no message had.
func (o *Outbox) closeEvents(ctx context.Context, s seen) error {
	known := o.loss.known
	if known == nil {
		if o.loss.ledger != "" || o.hadLedger {
			o.log.Error(
				"the ledger of stored alerts is lost and is made again from what is stored; whether alerts are "+
					"missing cannot be known",
				"stored", s.there.Count(), "ledger", cmp.Or(o.loss.ledger, "it is not there"))
		}
		for _, l := range s.unended {
			if err := o.recover(ctx, l.last, nil, s.gaps(l.last)+o.loss.behind(max(l.last, s.last))); err != nil {
				return err
			}
		}
		o.ledger.Found(s.there)
		return nil
	}
	if o.loss.ledger != "" {
		o.log.Warn("the ledger of stored alerts was damaged and is made from what can be read of it and of the store",
			"ledger", o.loss.ledger)
	}
	level := slog.LevelDebug // it was said when it was found
	if o.loss.found() {
		level = slog.LevelWarn
	}
	left := maps.Clone(known.Open)
	for _, l := range s.unended {
		e, open := left[l.id]
		delete(left, l.id)
		switch {
		case open:
			if err := o.recover(ctx, l.last, &e, 0); err != nil {
				return err
			}
		case !known.Must.Has(l.last) || o.loss.ledger != "": // stored before it came into the ledger
			if err := o.recover(ctx, l.last, nil, s.gaps(l.last)+o.loss.behind(max(l.last, s.last))); err != nil {
				return err
			}
		default:
			o.log.Log(ctx, level, "the end of an event is missing from the store; it had ended", "id", l.id)
		}
	}
	// What the stream is ahead of the ledger comes into it when the events in it have their ends: a process that dies
	// before that leaves them to the next.
	o.ledger.Found(s.there.Without(known.Must))
	for id, e := range left {
		if s.ended[id] {
			o.ledger.Ended(id)
		} else if err := o.recover(ctx, 0, &e, 0); err != nil {
			return err
		}
	}
	return nil
}

// sayUnreadable logs what the server has and cannot read.
func (o *Outbox) sayUnreadable(numbers []uint64) {
	if len(numbers) > 0 {
		o.log.Error("stored alerts cannot be read and are passed over", "unreadable", len(numbers), "numbers",
			store.RangesOf(numbers).String(),
			"mend", "stop vigil and run vigil store repair")
	}
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

// recover ends an event that a process left open when it died, of which the stream has the message with this number as
// the last, if any, and the ledger another one, if any. Nothing is known of it after its last message. As many of its
// messages may be missing behind that as are passed over: its end has a number of its own all the same, that no other
// message was sent with.
func (o *Outbox) recover(ctx context.Context, seq uint64, kept *store.Event, missing int) error {
	a, id, err := o.lastOf(ctx, seq)
	if kept != nil && (err != nil || id == "" || a.Seq < kept.Seq) {
		a, err = alerts.Decode(kept.Data)
		id = a.ID
	}
	switch {
	case errors.Is(err, errUndecodable):
		// Somebody else's, or of a later program, perhaps: an end of it is not ours to invent.
		o.log.Warn("an event without an end is left as it is", "id", id, "error", err)
		return nil
	case err != nil && kept != nil:
		o.log.Warn("an event without an end is left as it is", "error", err)
		return nil
	case err != nil:
		return err
	case id == "":
		return nil
	}
	a = alerts.Recovered(a)
	a.Seq += missing
	if err := o.Publish(ctx, a); err != nil {
		return err
	}
	o.log.Warn("an event that was open when vigil died is ended", "camera", a.Camera, "id", a.ID)
	return nil
}

// errUndecodable means that a message is none of ours, or of a later program.
var errUndecodable = errors.New("is not ours to end")

// lastOf reads a message; its id is empty where there is none.
func (o *Outbox) lastOf(ctx context.Context, seq uint64) (a alerts.Alert, id string, err error) {
	if seq == 0 {
		return a, "", nil
	}
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return a, "", fmt.Errorf("close an event of before: %w", err)
	}
	msg, err := s.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return a, "", nil
	}
	if err != nil {
		return a, "", fmt.Errorf("close an event of before: %w", err)
	}
	id = msg.Header.Get(jetstream.MsgIDHeader)
	m := sink.Message{Seq: seq, Subject: msg.Subject, ID: id, Data: msg.Data, Origin: msg.Header.Get(broker.OriginHeader)}
	if err := o.vet(m); err != nil {
		return a, id, fmt.Errorf("%w: %w", errUndecodable, err)
	}
	a, err = alerts.Decode(msg.Data)
	return a, id, err
}

// sayLedger logs when the ledger cannot be written, and when it can again.
func (o *Outbox) sayLedger() {
	text := ""
	err := o.ledger.Err()
	if err != nil {
		text = err.Error()
	}
	if text == o.ledgerSaid {
		return
	}
	o.ledgerSaid = text
	if err == nil {
		o.log.Info("the ledger of stored alerts can be written again")
		return
	}
	o.log.Warn("the ledger of stored alerts cannot be written, trying again", "error", err)
}
