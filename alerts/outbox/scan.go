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
	"vigil/internal/errcode"
)

// openEvent is an event in the stream that has no end yet.
type openEvent struct {
	id          string
	first, last uint64
}

// scanResult is the result of a scan of the stream.
type scanResult struct {
	open    []openEvent     // the oldest event first
	ended   map[string]bool // those events that the ledger has as open
	present store.Ranges
	last    uint64 // the stream's last number, which may be that of a lost message
}

// missingAfter returns how many numbers after this one have no message.
func (s scanResult) missingAfter(number uint64) int {
	var behind store.Ranges
	if number < s.last {
		behind.Add(number+1, s.last)
	}
	return int(behind.Without(s.present).Count()) //nolint:gosec // A count of messages.
}

// scan reads the headers of all stored messages: which cameras there are, and which events have no end. Unreadable
// messages are skipped.
func (o *Outbox) scan(ctx context.Context) (s scanResult, err error) {
	open := map[string]*openEvent{}
	s.ended = map[string]bool{}
	unreadable, err := o.conn.Scan(ctx, broker.ScanOptions{Heads: true}, func(r broker.Record) error {
		o.index(open, r.Subject, r.ID, r.Seq)
		if camera, _, ok := parseSubject(r.Subject); ok {
			o.addUndelivered(camera, r.Seq, r.Time)
		}
		if id, _, _ := strings.Cut(r.ID, ":"); o.isOpen(id) {
			if _, phase, ok := parseSubject(r.Subject); ok && phase == alerts.PhaseEnd {
				s.ended[id] = true
			}
		}
		s.present.Add(r.Seq, r.Seq)
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("read the outbox: %w", err)
	}
	o.logUnreadable(unreadable)
	for id, f := range open {
		f.id = id
		s.open = append(s.open, *f)
	}
	slices.SortFunc(s.open, func(a, b openEvent) int { return cmp.Compare(a.first, b.first) })
	return s, nil
}

// isOpen reports whether the ledger has an event as open.
func (o *Outbox) isOpen(id string) bool {
	if o.loss.known == nil {
		return false
	}
	_, open := o.loss.known.Open[id]
	return open
}

// closeOpenEvents ends the events that a process left open when it died. An event is open if the stream has no end of
// it and the ledger does not record one: else the end was stored and is missing. If an event has lost its last
// messages, the ledger has their numbers, so that its end gets an unused one.
func (o *Outbox) closeOpenEvents(ctx context.Context, s scanResult) error {
	known := o.loss.known
	if known == nil {
		if o.loss.ledgerDamage != "" || o.hadLedger {
			o.log.Error(
				"the ledger of stored alerts is lost and is rebuilt from the stored alerts; whether any are "+
					"missing is unknown",
				"stored", s.present.Count(), "ledger", cmp.Or(o.loss.ledgerDamage, "it does not exist"), errcode.Key,
				errcode.StoreLedger)
		}
		for _, f := range s.open {
			if err := o.closeOpenEvent(ctx, f.last, nil, s.missingAfter(f.last)+
				o.loss.missingAfter(max(f.last, s.last))); err != nil {
				return err
			}
		}
		o.ledger.Found(s.present)
		return nil
	}
	if o.loss.ledgerDamage != "" {
		o.log.Warn("the ledger of stored alerts was damaged and is rebuilt from its readable part and the store",
			"ledger", o.loss.ledgerDamage, errcode.Key, errcode.StoreLedger)
	}
	level := slog.LevelDebug // it was logged when it was found
	if o.loss.hasUnreported() {
		level = slog.LevelWarn
	}
	left := maps.Clone(known.Open)
	for _, f := range s.open {
		e, open := left[f.id]
		delete(left, f.id)
		switch {
		case open:
			if err := o.closeOpenEvent(ctx, f.last, &e, 0); err != nil {
				return err
			}
		case !known.Expected.Has(f.last) || o.loss.ledgerDamage != "": // stored before it was recorded in the ledger
			if err := o.closeOpenEvent(ctx, f.last, nil, s.missingAfter(f.last)+
				o.loss.missingAfter(max(f.last, s.last))); err != nil {
				return err
			}
		default:
			o.log.Log(ctx, level, "the end of an event is missing from the store; the event had ended", "id", f.id,
				errcode.Key, errcode.StoreAlertsMissing)
		}
	}
	// Messages that the ledger lacks are added when their events have ended: a process that dies before that leaves
	// them to the next.
	o.ledger.Found(s.present.Without(known.Expected))
	for id, e := range left {
		if s.ended[id] {
			o.ledger.Ended(id)
		} else if err := o.closeOpenEvent(ctx, 0, &e, 0); err != nil {
			return err
		}
	}
	return nil
}

// logUnreadable logs messages that the server has and cannot read.
func (o *Outbox) logUnreadable(numbers []uint64) {
	if len(numbers) > 0 {
		o.counters.unreadable.Add(uint64(len(numbers)))
		o.log.Error("stored alerts cannot be read and are skipped", "unreadable", len(numbers), "numbers",
			store.RangesOf(numbers).String(),
			"remedy", "stop vigil and run vigil store repair", errcode.Key, errcode.StoreUnreadable)
	}
}

// index takes one message into account. Messages of other programs are skipped.
func (o *Outbox) index(open map[string]*openEvent, subject, id string, seq uint64) {
	camera, phase, ok := parseSubject(subject)
	if !ok {
		return
	}
	o.lastStored[camera] = seq
	id, _, ok = strings.Cut(id, ":")
	switch f := open[id]; {
	case !ok:
	case phase == alerts.PhaseEnd:
		delete(open, id)
	case f == nil:
		open[id] = &openEvent{first: seq, last: seq}
	default:
		f.last = seq
	}
}

func parseSubject(subject string) (camera string, phase alerts.Phase, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || alerts.ValidCamera(parts[2]) != nil {
		return "", "", false
	}
	return parts[2], alerts.Phase(parts[3]), true
}

// closeOpenEvent ends an event that a process left open when it died. seq is the number of its last message in the
// stream, if any, and kept is the ledger's entry, if any. Nothing is known about the event after its last message. Up
// to missing later messages may be lost; the number of the end skips that many, so that no other message was sent with
// it.
func (o *Outbox) closeOpenEvent(ctx context.Context, seq uint64, kept *store.Event, missing int) error {
	a, id, err := o.lastMessage(ctx, seq)
	if kept != nil && (err != nil || id == "" || a.Seq < kept.Seq) {
		a, err = alerts.Decode(kept.Data)
		id = a.ID
	}
	switch {
	case errors.Is(err, errUndecodable):
		// Perhaps from another program or a later version: do not invent an end of it.
		o.log.Warn("an event without an end is left open", "id", id, "error", err,
			errcode.Key, errcode.SinkNotOurs)
		return nil
	case err != nil && kept != nil:
		o.log.Warn("an event without an end is left open", "error", err,
			errcode.Key, errcode.StoreLedger)
		return nil
	case err != nil:
		return err
	case id == "":
		return nil
	}
	a = alerts.CrashEnd(a)
	a.Seq += missing
	if err := o.Publish(ctx, a); err != nil {
		return err
	}
	o.log.Warn("an event that was open when vigil died is closed", "camera", a.Camera, "id", a.ID)
	return nil
}

// errUndecodable means that a message is from another program or a later version.
var errUndecodable = errors.New("from another program or a later version")

// lastMessage reads a message; its id is empty if it does not exist.
func (o *Outbox) lastMessage(ctx context.Context, seq uint64) (a alerts.Alert, id string, err error) {
	if seq == 0 {
		return a, "", nil
	}
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return a, "", fmt.Errorf("close an open event: %w", err)
	}
	msg, err := s.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return a, "", nil
	}
	if err != nil {
		return a, "", fmt.Errorf("close an open event: %w", err)
	}
	id = msg.Header.Get(jetstream.MsgIDHeader)
	m := sink.Message{
		Seq: seq, Subject: msg.Subject, ID: id, Data: msg.Data,
		Origin: msg.Header.Get(broker.OriginHeader),
	}
	if err := o.verify(m); err != nil {
		return a, id, fmt.Errorf("%w: %w", errUndecodable, err)
	}
	a, err = alerts.Decode(msg.Data)
	return a, id, err
}

// logLedgerState logs when the ledger cannot be written, and when it can again.
func (o *Outbox) logLedgerState() {
	text := ""
	err := o.ledger.Err()
	if err != nil {
		text = err.Error()
	}
	if text == o.lastLedgerError {
		return
	}
	o.lastLedgerError = text
	if err == nil {
		o.log.Info("the ledger of stored alerts can be written again")
		return
	}
	o.log.Warn("the ledger of stored alerts cannot be written, retrying", "error", err,
		errcode.Key, errcode.StoreLedger)
}
