// Package outbox is where an event first exists: a stream of alerts on this machine's disk, and the ways from there to
// others.
//
// An alerts.Alert goes in; Publish returns once it is synced to the disk of the embedded NATS server. From there each
// Sink takes it further. The invariants: nothing hears of an alert that is not on the disk; the alerts of a camera
// leave in their order, each after the acknowledgement of the one before; none is let go before every way has it; a
// repeat has the id of the first; and an event whose end was never stored, since the process died, gets one at the
// next Open.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/alerts/store"
)

// Defaults of Options.
const (
	DefaultBytes   = broker.StreamBytes
	DefaultReserve = 16 << 20
)

// Options describe an outbox.
type Options struct {
	// Server is where alerts are stored; its OnWriteError is the outbox's own.
	Server broker.Options
	// Bytes bounds the stored alerts; the oldest are let go that every way has. Reserve is kept free on the disk for
	// alerts alone, for when everything else has filled it. 0 means the defaults.
	Bytes, Reserve int64
	// Sinks out; none keeps the alerts for those who come to read them.
	Sinks []sink.Sink
	Log   *slog.Logger // nil for none
	// Free gives back what it can of the disk to alerts, about so many bytes; it may be nil.
	Free func(ctx context.Context, bytes int64) error
	// OnStorage hears what is published at alerts.StorageSubject of the embedded server, for those who listen
	// elsewhere. It must not block; nil for nobody.
	OnStorage func(alerts.Storage)
	// LongestPause bounds the pause before a delivery is tried again; 0 is five seconds.
	LongestPause time.Duration
	// SetAsideAfter is how long an alert is tried that a way refuses (Refused) before it is set aside; 0 is ten
	// minutes.
	SetAsideAfter time.Duration
}

// Outbox stores alerts and sends them on. Its methods may be called concurrently; the alerts of one camera are to be
// published one after the other.
type Outbox struct {
	opts       Options
	log        *slog.Logger
	server     *broker.Server
	conn       *broker.Conn
	reserve    *reserve
	sick       sickness
	trouble    trouble
	places     jetstream.KeyValue
	strangers  strangers
	ledger     *store.Ledger
	loss       loss
	hadLedger  bool   // an earlier run has kept a ledger
	ledgerSaid string // only its maintainer's

	setAsides atomic.Uint64
	held      atomic.Uint64 // messages in the stream when it was last looked at

	mending   sync.Mutex
	mended    time.Time // under mending
	unsettled bool      // under mending: a restart has found things gone that are not made again yet

	mu     sync.Mutex
	free   func(ctx context.Context, bytes int64) error
	stored map[string]uint64 // number of each camera's last message
	open   map[string]uint64 // number of the first message of each event that goes on, by its id
	lines  []*line
	begin  map[string]uint64 // where each way began
	saved  map[string]uint64 // the places that are kept, by their keys

	streamOnce jetstream.Stream
	stopping   bool
	since      int // messages since the last look at the stream's size

	ctx  context.Context //nolint:containedctx // of the goroutines that Close ends
	stop context.CancelFunc
	work sync.WaitGroup
}

// Open starts the embedded server, closes the events of a process that died, and begins to deliver what waits. ctx
// bounds the start only. It fails where alerts cannot be stored; that a way is blocked is no reason not to start.
func Open(ctx context.Context, opts Options) (o *Outbox, err error) {
	o = &Outbox{
		opts: opts, log: opts.Log, free: opts.Free, stored: map[string]uint64{}, open: map[string]uint64{},
		begin: map[string]uint64{},
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	o.opts.Bytes, o.opts.Reserve = orElse(opts.Bytes, DefaultBytes), orElse(opts.Reserve, DefaultReserve)
	o.opts.LongestPause = orElse(opts.LongestPause, 5*time.Second)
	o.opts.SetAsideAfter = orElse(opts.SetAsideAfter, 10*time.Minute)
	o.opts.Server.OnWriteError = o.sick.set
	o.opts.Server.Prepare = o.prepare
	o.reserve = newReserve(opts.Server.Dir, o.opts.Reserve)
	o.reserve.makeRoom()
	if o.server, err = broker.Start(ctx, o.opts.Server); err != nil {
		o.closeLedger()
		return nil, err
	}
	server, opening := o.server, o // a return of nil sets o
	defer func() {
		if err != nil {
			opening.closeLedger()
			err = errors.Join(err, server.Shutdown())
		}
	}()
	if o.conn, err = broker.Dial(ctx, broker.DialOptions{Server: o.server}); err != nil {
		return nil, err
	}
	o.ctx, o.stop = context.WithCancel(context.Background())
	if err := o.begins(ctx); err != nil {
		o.stop()
		return nil, errors.Join(err, o.conn.Close())
	}
	if err := o.reserve.fill(); err != nil {
		o.log.Warn("no room is held back for alerts", "error", err)
	}
	o.work.Go(o.tend)
	o.work.Go(o.tendStream)
	o.work.Go(o.tendAside)
	return o, nil
}

// begins makes the stream, reads what is in it, closes events that nobody will end, and starts the lines.
func (o *Outbox) begins(ctx context.Context) error {
	s, err := o.conn.KeepStream(ctx, o.opts.Bytes)
	if err != nil {
		return err
	}
	if err := o.server.Adopt(s.CachedInfo().State.LastSeq); err != nil {
		return err
	}
	o.server.Settled()
	seen, err := o.look(ctx)
	if err != nil {
		return err
	}
	seen.last = s.CachedInfo().State.LastSeq
	if err := o.readPlaces(ctx); err != nil {
		return err
	}
	if err := o.closeEvents(ctx, seen); err != nil {
		return err
	}
	o.noteStreams()
	o.sayLoss()
	o.mu.Lock()
	defer o.mu.Unlock()
	for camera := range o.stored {
		o.startLines(camera)
	}
	return nil
}

// Server is the embedded server, for those who read from it.
func (o *Outbox) Server() *broker.Server { return o.server }

// Conn is a connection to the embedded server.
func (o *Outbox) Conn() *broker.Conn { return o.conn }

// OnFull sets Options.Free later, for what is kept on the outbox's own server.
func (o *Outbox) OnFull(free func(ctx context.Context, bytes int64) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = free
}

// Publish stores an alert and returns once it is synced to the disk. Whatever stands in the way is mended and tried
// again, always with the same message id, until ctx ends; then the alert may still have been stored. One that is not
// valid fails at once.
func (o *Outbox) Publish(ctx context.Context, a alerts.Alert) error {
	data, err := alerts.Encode(a)
	if err != nil {
		return err
	}
	seq, err := o.keep(ctx, a.Subject(), a.MessageID(), data)
	if err != nil {
		return err
	}
	o.ledger.Stored(seq, a.ID, a.Seq, a.Phase == alerts.PhaseEnd, data)
	o.mu.Lock()
	o.stored[a.Camera] = max(o.stored[a.Camera], seq)
	if a.Phase == alerts.PhaseEnd {
		delete(o.open, a.ID)
	} else if _, ok := o.open[a.ID]; !ok {
		o.open[a.ID] = seq
	}
	o.startLines(a.Camera)
	for _, l := range o.lines {
		if l.camera == a.Camera {
			l.wake()
		}
	}
	o.since++
	look := o.since >= lookEvery
	if look {
		o.since = 0
	}
	o.mu.Unlock()
	if look {
		if err := o.trim(ctx, false); err != nil {
			o.log.Debug("look at the size of the outbox", "error", err)
		}
	}
	return nil
}

// PublishScore sends a score to whoever listens to the embedded server now.
func (o *Outbox) PublishScore(s alerts.Score) error { return o.conn.PublishScore(s) }

// PublishStatus sends a camera's state to whoever listens to the embedded server now.
func (o *Outbox) PublishStatus(s alerts.Status) error { return o.conn.PublishStatus(s) }

// Halt stops delivering. It waits for deliveries that are under way until ctx ends; one that does not end by then is
// left to itself, and its alert is delivered again after the next Open.
func (o *Outbox) Halt(ctx context.Context) {
	o.mu.Lock()
	o.stopping = true
	o.mu.Unlock()
	o.stop()
	done := make(chan struct{})
	go func() {
		o.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Close stops delivering, keeps the positions and ends the server, whatever a way does. What was not delivered waits
// for the next Open.
func (o *Outbox) Close() error {
	halting, halted := context.WithTimeout(context.Background(), haltTime)
	o.Halt(halting)
	halted()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	o.savePlaces(ctx)
	o.noteStreams()
	o.closeLedger()
	return errors.Join(o.conn.Close(), o.server.Shutdown())
}

const (
	// haltTime is how long Close waits for deliveries, and closeTime how long for the positions to be kept.
	haltTime  = time.Second
	closeTime = 3 * time.Second
	// lookEvery is after how many messages the size of the stream is looked at.
	lookEvery = 200
)

// Drain waits until every way has everything that is stored now, or ctx ends.
func (o *Outbox) Drain(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n := o.Waiting()
		if len(n) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not everything was delivered: %v: %w", n, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Waiting gives the cameras that each way has not everything of yet; nothing where it has all.
func (o *Outbox) Waiting() map[string][]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := map[string][]string{}
	for _, l := range o.lines {
		if l.place.Load() < o.stored[l.camera] {
			n[l.way.Name()] = append(n[l.way.Name()], l.camera)
		}
	}
	return n
}

func orElse[T int64 | time.Duration](v, d T) T {
	if v == 0 {
		return d
	}
	return v
}
