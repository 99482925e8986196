package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/store"
)

// Record is a stored message of a stream.
type Record struct {
	Seq     uint64 // sequence number in the stream
	Time    time.Time
	Subject string
	ID      string    // message id; may be empty
	Origin  string    // value of OriginHeader
	Data    []byte    // nil in a scan of headers
	Created time.Time // of the stream; only of a followed one
}

// Position returns the position behind a followed message.
func (r Record) Position() Position { return Position{r.Created, r.Seq} }

// recordOf converts a message of a consumer.
func recordOf(msg jetstream.Msg, meta *jetstream.MsgMetadata) Record {
	return Record{
		Seq: meta.Sequence.Stream, Time: meta.Timestamp, Subject: msg.Subject(),
		ID:     msg.Headers().Get(jetstream.MsgIDHeader),
		Origin: msg.Headers().Get(OriginHeader), Data: msg.Data(),
	}
}

// rawRecord converts a message that was requested by its number.
func rawRecord(raw *jetstream.RawStreamMsg) Record {
	return Record{
		Seq: raw.Sequence, Time: raw.Time, Subject: raw.Subject, ID: raw.Header.Get(jetstream.MsgIDHeader),
		Origin: raw.Header.Get(OriginHeader), Data: raw.Data,
	}
}

// ScanOptions select the messages to read. The zero value selects all stored messages.
type ScanOptions struct {
	From    uint64    // first number, or
	Since   time.Time // if From is 0, the earliest time
	Last    uint64    // last number; 0 for the stream's last number at the start
	Subject string    // alerts.AllAlerts if empty
	Heads   bool      // headers only
}

const (
	// stallTimeout is how long a consumer with pending messages may deliver nothing before they are requested by
	// number. A server stops delivering at a record that it cannot read, and reports that only in its log.
	stallTimeout = time.Second
	// fastAfter is the number of readable messages in a row after which reading switches back to a consumer, which is
	// faster.
	fastAfter = 100
)

// Scan reads the stream of alerts up to its last number at the start, each message once and in order. Messages that the
// server cannot read are skipped; their numbers are returned.
func (c *Conn) Scan(ctx context.Context, o ScanOptions, each func(Record) error) (unreadable []uint64, err error) {
	s, err := c.stream(ctx)
	if err != nil {
		return nil, err
	}
	unreadable, err = c.scan(ctx, s, o, each)
	return unreadable, c.scrub(err)
}

func (c *Conn) scan(ctx context.Context, s jetstream.Stream, o ScanOptions, each func(Record) error) ([]uint64, error) {
	state := s.CachedInfo().State
	sc := &scan{c: c, s: s, o: o, next: o.From, last: o.Last, each: each}
	if sc.last == 0 {
		sc.last = state.LastSeq
	}
	if sc.o.Subject == "" {
		sc.o.Subject = alerts.AllAlerts
	}
	if o.Since.IsZero() || o.From == 0 && !o.Since.After(state.FirstTime) {
		sc.next = max(sc.next, state.FirstSeq, 1)
	}
	for sc.next <= sc.last {
		before := sc.next
		over, err := sc.readWithConsumer(ctx)
		if err == nil && !over {
			err = sc.byNumber(ctx, fastAfter)
		}
		switch {
		case err != nil:
			return sc.unreadable, err
		case over:
			return sc.finish(ctx)
		case sc.next == before:
			return sc.unreadable, errors.New("the stream cannot be read: it keeps changing")
		}
	}
	return sc.finish(ctx)
}

// scan is a scan in progress.
type scan struct {
	c          *Conn
	s          jetstream.Stream
	o          ScanOptions
	first      uint64 // first number of the stream at the last query
	next, last uint64 // next is 0 if only the time is known
	deleted    map[uint64]bool
	gaps       store.Ranges // numbers that a consumer skipped in a scan of all subjects
	unreadable []uint64
	each       func(Record) error
}

// readWithConsumer reads with a consumer until all is read, or until it stalls: then over is false. The consumer is
// then deleted.
func (sc *scan) readWithConsumer(ctx context.Context) (over bool, err error) {
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: consumerTTL,
		HeadersOnly:       sc.o.Heads, FilterSubject: sc.o.Subject,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   sc.next,
	}
	if sc.next == 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &sc.o.Since
	}
	creating, created := context.WithTimeout(ctx, requestTimeout)
	cons, err := sc.s.CreateConsumer(creating, cfg)
	created()
	if err != nil {
		return false, err
	}
	defer sc.c.forget(ctx, sc.s, cons.CachedInfo().Name)
	if sc.next == 0 {
		sc.next = cons.CachedInfo().Delivered.Stream + 1
	}
	if cons.CachedInfo().NumPending == 0 {
		return true, nil
	}
	it, err := cons.Messages()
	if err != nil {
		return false, err
	}
	defer it.Stop()
	for delivered := uint64(1); ; delivered++ {
		msg, err := nextWithin(ctx, it, stallTimeout)
		if errors.Is(err, errStalled) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		meta, err := msg.Metadata()
		switch {
		case err != nil:
			return false, err
		case meta.Sequence.Consumer != delivered:
			return false, nil // one was lost in transit: continue by number
		case meta.Sequence.Stream > sc.last:
			return true, nil
		}
		r := recordOf(msg, meta)
		if err := sc.each(r); err != nil {
			return false, err
		}
		if r.Seq > sc.next {
			sc.gaps.Add(sc.next, r.Seq-1)
		}
		sc.next = r.Seq + 1
		if meta.NumPending == 0 || r.Seq >= sc.last {
			return true, nil
		}
	}
}

// errStalled means that a consumer delivered nothing for stallTimeout.
var errStalled = errors.New("no message in time")

// nextWithin returns the next message, or errStalled.
func nextWithin(ctx context.Context, it jetstream.MessagesContext, d time.Duration) (jetstream.Msg, error) {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	msg, err := it.Next(jetstream.NextContext(waiting))
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return nil, errStalled
	}
	return msg, err
}

// byNumber requests messages by number until run in a row were readable. A number that is neither stored nor deleted is
// unreadable.
func (sc *scan) byNumber(ctx context.Context, run int) error {
	if err := sc.fetchDeleted(ctx); err != nil {
		return err
	}
	for good := 0; sc.next <= sc.last && good < run; sc.next++ {
		if sc.deleted[sc.next] {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		raw, err := sc.s.GetMsg(asking, sc.next)
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			good = 0
			sc.unreadable = append(sc.unreadable, sc.next)
			continue
		case err != nil:
			return fmt.Errorf("message %d: %w", sc.next, err)
		}
		good++
		if !covers(sc.o.Subject, raw.Subject) {
			continue
		}
		if err := sc.each(rawRecord(raw)); err != nil {
			return err
		}
	}
	return nil
}

// fetchDeleted fetches the numbers of deleted messages.
func (sc *scan) fetchDeleted(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	info, err := sc.s.Info(asking, jetstream.WithDeletedDetails(true))
	if err != nil {
		return err
	}
	sc.deleted, sc.first = map[uint64]bool{}, info.State.FirstSeq
	for _, n := range info.State.Deleted {
		sc.deleted[n] = true
	}
	sc.next = max(sc.next, sc.first)
	return nil
}

// finish returns the numbers that could not be read. A server skips some of them silently, so in a scan of all subjects
// each gap is checked.
func (sc *scan) finish(ctx context.Context) ([]uint64, error) {
	if sc.next <= sc.last {
		sc.gaps.Add(sc.next, sc.last)
	}
	if sc.o.Subject == alerts.AllAlerts && len(sc.gaps) > 0 {
		if err := sc.fetchDeleted(ctx); err != nil {
			return sc.unreadable, err
		}
		for _, gap := range sc.gaps {
			for n := max(gap.First, sc.first); n <= gap.Last; n++ {
				if !sc.deleted[n] {
					sc.unreadable = append(sc.unreadable, n)
				}
			}
		}
		slices.Sort(sc.unreadable)
	}
	sc.c.reportUnreadable(sc.unreadable)
	return sc.unreadable, nil
}

// reportUnreadable passes skipped numbers to OnUnreadable.
func (c *Conn) reportUnreadable(numbers []uint64) {
	if len(numbers) > 0 && c.onUnreadable != nil {
		c.onUnreadable(numbers)
	}
}
