// Package outbox stores alerts in a stream on this machine's disk and delivers them to the sinks.
//
// An alerts.Alert goes in; Publish returns once it is synced to the disk of the embedded NATS server. From there a
// forwarder for each camera and sink delivers it. The invariants: nothing is delivered that is not on the disk; the
// alerts of a camera are delivered in order, each after the acknowledgement of the one before; none is deleted before
// every sink has it; a repeat has the id of the first; and an event whose end was never stored, because the process
// died, gets one at the next Open.
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
	"vigil/internal/broadcast"
	"vigil/internal/errcode"
)

// Defaults of Options.
const (
	DefaultBytes   = broker.StreamBytes
	DefaultReserve = 16 << 20
)

// Options describe an outbox.
type Options struct {
	// Server configures the server that stores the alerts; its OnWriteError is set by the outbox.
	Server broker.Options
	// Bytes bounds the stored alerts; the oldest that every sink has are deleted. Reserve bytes of the disk are kept
	// for alerts, in case other files fill it. 0 means the defaults.
	Bytes, Reserve int64
	// Sinks receive the alerts; with none they are only stored.
	Sinks []sink.Sink
	Log   *slog.Logger // nil for none
	// Reclaim frees about this many bytes of the disk for alerts, if it can; it may be nil.
	Reclaim func(ctx context.Context, bytes int64) error
	// OnStorage is called with every message that is published at alerts.StorageSubject of the embedded server. It must
	// not block; it may be nil.
	OnStorage func(alerts.Storage)
	// OnDelivered is called after a sink has acknowledged an alert, with the time since it was stored. It must not
	// block; it may be nil.
	OnDelivered func(sink string, after time.Duration)
	// LongestPause bounds the pause before a delivery is tried again; 0 is five seconds.
	LongestPause time.Duration
	// IdleAfter is how long the forwarder of a camera and a sink waits for the next alert before it ends; 0 is a
	// minute.
	IdleAfter time.Duration
	// SetAsideAfter is how long an alert that a sink refuses (sink.Refused) is retried before it is set aside; 0 is
	// ten minutes.
	SetAsideAfter time.Duration
}

// Outbox stores alerts and delivers them. Its methods may be called concurrently; the alerts of one camera must be
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
	hadLedger       bool   // an earlier run has written a ledger
	lastLedgerError string // used by maintain only

	counters      counters
	setAsideCount atomic.Uint64
	messageCount  atomic.Uint64 // messages in the stream at the last check

	restartMu   sync.Mutex
	restartedAt time.Time // guarded by restartMu
	needsSettle bool      // guarded by restartMu: a restart has found files missing that settle has not recreated

	progress       broadcast.Signal // Backlog may be smaller
	mu             sync.Mutex
	reclaim        func(ctx context.Context, bytes int64) error
	lastStored     map[string]uint64 // number of the last message of each camera that has forwarders
	openEvents     map[string]uint64 // number of the first message of each open event, by its id
	forwarders     []*forwarder
	undelivered    map[string]undelivered // messages that a sink may not have, by camera
	initialCursors map[string]uint64      // each sink's cursor at the start
	savedCursors   map[string]uint64      // the cursors as saved, by key
	idleCursors    map[string]uint64      // of forwarders that have ended, by key
	trimmedBelow   uint64                 // the stream has no message below this number

	streamCache jetstream.Stream
	stopping    bool
	sinceTrim   int // messages since the last check of the stream's size

	ctx  context.Context //nolint:containedctx // of the goroutines that Close ends
	stop context.CancelFunc
	work sync.WaitGroup
}

// Open starts the embedded server, ends the events of a process that died, and begins to deliver stored messages. ctx
// bounds only the start. It fails if alerts cannot be stored; a sink that is down does not prevent the start.
func Open(ctx context.Context, opts Options) (o *Outbox, err error) {
	o = &Outbox{
		opts: opts, log: opts.Log, reclaim: opts.Reclaim, lastStored: map[string]uint64{},
		openEvents:     map[string]uint64{},
		initialCursors: map[string]uint64{}, undelivered: map[string]undelivered{}, idleCursors: map[string]uint64{},
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	o.opts.Bytes, o.opts.Reserve = orElse(opts.Bytes, DefaultBytes), orElse(opts.Reserve, DefaultReserve)
	o.opts.LongestPause = orElse(opts.LongestPause, 5*time.Second)
	o.opts.IdleAfter = orElse(opts.IdleAfter, time.Minute)
	o.opts.SetAsideAfter = orElse(opts.SetAsideAfter, 10*time.Minute)
	o.counters.sinks = newSinkCounters(opts.Sinks)
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
		o.log.Warn("no disk space is reserved for alerts", "error",
			errcode.StoreFailing.Default(errcode.Store(err)))
	}
	o.work.Go(o.maintain)
	o.work.Go(o.watchStream)
	o.work.Go(o.watchAside)
	return o, nil
}

// init creates the stream, scans what is in it, ends events left open by a crash, and starts the forwarders.
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
	if len(o.opts.Sinks) == 0 {
		clear(o.lastStored)
	}
	return nil
}

// Server returns the embedded server.
func (o *Outbox) Server() *broker.Server { return o.server }

// Conn returns a connection to the embedded server.
func (o *Outbox) Conn() *broker.Conn { return o.conn }

// SetReclaim sets Options.Reclaim later, for data that is stored on the outbox's own server.
func (o *Outbox) SetReclaim(free func(ctx context.Context, bytes int64) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reclaim = free
}

// Publish stores an alert and returns once it is synced to the disk. It retries, always with the same message id, and
// restarts the server if needed, until ctx ends; then the alert may still have been stored. An invalid alert fails at
// once.
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
	if len(o.opts.Sinks) > 0 {
		o.lastStored[a.Camera] = max(o.lastStored[a.Camera], seq)
	}
	if a.Phase == alerts.PhaseEnd {
		delete(o.openEvents, a.ID)
	} else if _, ok := o.openEvents[a.ID]; !ok {
		o.openEvents[a.ID] = seq
	}
	o.startForwarders(a.Camera)
	o.counters.stored.Add(1)
	o.addUndelivered(a.Camera, seq, time.Now())
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
			o.log.Debug("check the size of the outbox", "error", err)
		}
	}
	return nil
}

// PublishScore sends a score to the current subscribers of the embedded server.
func (o *Outbox) PublishScore(s alerts.Score) error { return o.conn.PublishScore(s) }

// PublishStatus sends a camera's state to the current subscribers of the embedded server.
func (o *Outbox) PublishStatus(s alerts.Status) error { return o.conn.PublishStatus(s) }

// Halt stops delivering. It waits for deliveries in progress until ctx ends; one that has not ended by then is
// abandoned, and its alert is delivered again after the next Open.
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

// Close stops delivering, saves the cursors and shuts the server down, without waiting for a sink that hangs. What was
// not delivered is delivered after the next Open.
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
	// haltTimeout is how long Close waits for deliveries, and closeTimeout for saving the cursors.
	haltTimeout  = time.Second
	closeTimeout = 3 * time.Second
	// trimEvery is the number of messages after which the size of the stream is checked.
	trimEvery = 200
)

// Drain waits until every sink has everything that is stored now, or ctx ends.
func (o *Outbox) Drain(ctx context.Context) error {
	var left map[string][]string
	if !o.progress.Until(ctx, func() bool { left = o.Backlog(); return len(left) == 0 }) {
		return fmt.Errorf("not everything was delivered: %v: %w", left, context.Cause(ctx))
	}
	return nil
}

// Messages returns the number of messages in the stream at the last check, of less than two seconds ago.
func (o *Outbox) Messages() uint64 { return o.messageCount.Load() }

// Backlog returns, by sink, the cameras with undelivered alerts.
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
