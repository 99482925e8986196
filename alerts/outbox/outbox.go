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
	// Reclaim gives back what it can of the disk to alerts, about so many bytes; it may be nil.
	Reclaim func(ctx context.Context, bytes int64) error
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
	opts            Options
	log             *slog.Logger
	server          *broker.Server
	conn            *broker.Conn
	reserve         *reserve
	storeFailure    storeFailure
	storageStatus   storageStatus
	cursorBucket    jetstream.KeyValue
	foreign         foreignMessages
	ledger          *store.Ledger
	loss            loss
	hadLedger       bool   // an earlier run has kept a ledger
	lastLedgerError string // only its maintainer's

	setAsideCount atomic.Uint64
	messageCount  atomic.Uint64 // messages in the stream when it was last looked at

	restartMu   sync.Mutex
	restartedAt time.Time // under mending
	needsSettle bool      // under mending: a restart has found things gone that are not made again yet

	mu             sync.Mutex
	reclaim        func(ctx context.Context, bytes int64) error
	lastStored     map[string]uint64 // number of each camera's last message
	openEvents     map[string]uint64 // number of the first message of each event that goes on, by its id
	forwarders     []*forwarder
	initialCursors map[string]uint64 // where each way began
	savedCursors   map[string]uint64 // the places that are kept, by their keys

	streamCache jetstream.Stream
	stopping    bool
	sinceTrim   int // messages since the last look at the stream's size

	ctx  context.Context //nolint:containedctx // of the goroutines that Close ends
	stop context.CancelFunc
	work sync.WaitGroup
}

// Open starts the embedded server, closes the events of a process that died, and begins to deliver what waits. ctx
// bounds the start only. It fails where alerts cannot be stored; that a way is blocked is no reason not to start.
func Open(ctx context.Context, opts Options) (o *Outbox, err error) {
	o = &Outbox{
		opts: opts, log: opts.Log, reclaim: opts.Reclaim, lastStored: map[string]uint64{}, openEvents: map[string]uint64{},
		initialCursors: map[string]uint64{},
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	o.opts.Bytes, o.opts.Reserve = orElse(opts.Bytes, DefaultBytes), orElse(opts.Reserve, DefaultReserve)
	o.opts.LongestPause = orElse(opts.LongestPause, 5*time.Second)
	o.opts.SetAsideAfter = orElse(opts.SetAsideAfter, 10*time.Minute)
	o.opts.Server.OnWriteError = o.storeFailure.set
	o.opts.Server.Prepare = o.prepare
	o.reserve = newReserve(opts.Server.Dir, o.opts.Reserve)
	o.reserve.releaseIfLow()
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
	if err := o.init(ctx); err != nil {
		o.stop()
		return nil, errors.Join(err, o.conn.Close())
	}
	if err := o.reserve.fill(); err != nil {
		o.log.Warn("no room is held back for alerts", "error", err)
	}
	o.work.Go(o.maintain)
	o.work.Go(o.watchStream)
	o.work.Go(o.watchAside)
	return o, nil
}

// init makes the stream, reads what is in it, closes events that nobody will end, and starts the lines.
func (o *Outbox) init(ctx context.Context) error {
	s, err := o.conn.EnsureLocalStream(ctx, o.opts.Bytes)
	if err != nil {
		return err
	}
	if err := o.server.TrustUpTo(s.CachedInfo().State.LastSeq); err != nil {
		return err
	}
	o.server.RecordDirs()
	seen, err := o.scan(ctx)
	if err != nil {
		return err
	}
	seen.last = s.CachedInfo().State.LastSeq
	if err := o.loadCursors(ctx); err != nil {
		return err
	}
	if err := o.closeOpenEvents(ctx, seen); err != nil {
		return err
	}
	o.recordStreams()
	o.reportLoss()
	o.mu.Lock()
	defer o.mu.Unlock()
	for camera := range o.lastStored {
		o.startForwarders(camera)
	}
	return nil
}

// Server is the embedded server, for those who read from it.
func (o *Outbox) Server() *broker.Server { return o.server }

// Conn is a connection to the embedded server.
func (o *Outbox) Conn() *broker.Conn { return o.conn }

// SetReclaim sets Options.Free later, for what is kept on the outbox's own server.
func (o *Outbox) SetReclaim(free func(ctx context.Context, bytes int64) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reclaim = free
}

// Publish stores an alert and returns once it is synced to the disk. Whatever stands in the way is mended and tried
// again, always with the same message id, until ctx ends; then the alert may still have been stored. One that is not
// valid fails at once.
func (o *Outbox) Publish(ctx context.Context, a alerts.Alert) error {
	data, err := alerts.Encode(a)
	if err != nil {
		return err
	}
	seq, err := o.storeWithRetry(ctx, a.Subject(), a.MessageID(), data)
	if err != nil {
		return err
	}
	o.ledger.Stored(seq, a.ID, a.Seq, a.Phase == alerts.PhaseEnd, data)
	o.mu.Lock()
	o.lastStored[a.Camera] = max(o.lastStored[a.Camera], seq)
	if a.Phase == alerts.PhaseEnd {
		delete(o.openEvents, a.ID)
	} else if _, ok := o.openEvents[a.ID]; !ok {
		o.openEvents[a.ID] = seq
	}
	o.startForwarders(a.Camera)
	for _, f := range o.forwarders {
		if f.camera == a.Camera {
			f.wake()
		}
	}
	o.sinceTrim++
	trimDue := o.sinceTrim >= trimEvery
	if trimDue {
		o.sinceTrim = 0
	}
	o.mu.Unlock()
	if trimDue {
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
	halting, halted := context.WithTimeout(context.Background(), haltTimeout)
	o.Halt(halting)
	halted()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	o.saveCursors(ctx)
	o.recordStreams()
	o.closeLedger()
	return errors.Join(o.conn.Close(), o.server.Shutdown())
}

const (
	// haltTimeout is how long Close waits for deliveries, and closeTimeout how long for the positions to be kept.
	haltTimeout  = time.Second
	closeTimeout = 3 * time.Second
	// trimEvery is after how many messages the size of the stream is looked at.
	trimEvery = 200
)

// Drain waits until every way has everything that is stored now, or ctx ends.
func (o *Outbox) Drain(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n := o.Backlog()
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

// Backlog gives the cameras that each way has not everything of yet; nothing where it has all.
func (o *Outbox) Backlog() map[string][]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := map[string][]string{}
	for _, f := range o.forwarders {
		if f.cursor.Load() < o.lastStored[f.camera] {
			n[f.sink.Name()] = append(n[f.sink.Name()], f.camera)
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
