package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/internal/errcode"
	"vigil/model"
)

// Engine watches cameras that come and go. Add, Update, Remove and Close are safe for concurrent use, one at a time;
// the other cameras go on meanwhile. None may be called from a callback of Options or of a Camera.
type Engine struct {
	ctx       context.Context //nolint:containedctx // of the goroutines that it starts
	opts      Options
	log       *slog.Logger
	box       *mailbox
	queue     *thread.Queue
	scheduler *scheduler

	ops         sync.Mutex // held by Add, Update, Remove and Close
	closed      bool
	batches     map[modelKey]*sharedBatch
	overloading bool // its goroutine runs

	mu      sync.Mutex
	members []*member // in the order in which they were added

	reading, publishing, scoring, watching sync.WaitGroup
	publishErr                             error
	over                                   chan struct{} // closed once no camera is read any more
}

// member is a camera of an Engine.
type member struct {
	*reader
	state  *cameraState
	batch  *sharedBatch
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the reader has ended
	err    error         // of the reader, valid after done
}

// sharedBatch scores the clips of all cameras with one model.
type sharedBatch struct {
	model *model.Model
	batch *model.Batch
	users int
}

// modelKey distinguishes models: by their hash, or those made in memory, which have none, by themselves.
type modelKey struct {
	hash  string
	model *model.Model
}

func keyOf(m *model.Model) modelKey {
	if m.Hash() != "" {
		return modelKey{hash: m.Hash()}
	}
	return modelKey{model: m}
}

// The errors of an Engine's methods.
var (
	ErrNoCamera = errcode.CameraUnknown.New("no such camera")
	ErrCamera   = errors.New("a camera of this name is there already")
	ErrClosed   = errors.New("the engine is closed")
)

// NewEngine returns an engine without cameras. Once ctx is done, they all end and pending clips are dropped. Close must
// be called.
func NewEngine(ctx context.Context, opts Options) *Engine {
	e := &Engine{
		ctx: ctx, opts: opts, log: opts.Log, box: newMailbox(), batches: map[modelKey]*sharedBatch{},
		over: make(chan struct{}),
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.box.setLimit(opts.ClipMemory)
	e.queue = thread.NewQueue(thread.Options{
		Publisher: opts.Publisher, Evidence: opts.Evidence, OnAlert: opts.OnAlert, OnLost: opts.OnLost, Log: e.log,
	})
	e.scheduler = &scheduler{box: e.box, onClip: opts.OnClip, publish: e.queue}
	e.publishing.Go(func() { e.publishErr = e.queue.Run(ctx) })
	e.scoring.Go(func() { e.scheduler.run(ctx) })
	if opts.Summary > 0 {
		e.watching.Go(e.logStats)
	}
	return e
}

// Add starts a camera. Cameras whose models have the same hash share one.
func (e *Engine) Add(c Camera) error {
	e.ops.Lock()
	defer e.ops.Unlock()
	m, err := e.join(c)
	if err != nil {
		return err
	}
	e.start(m)
	return nil
}

// join adds a camera that is not read yet.
func (e *Engine) join(c Camera) (*member, error) {
	switch {
	case e.closed:
		return nil, ErrClosed
	case e.find(c.Name) != nil:
		return nil, fmt.Errorf("camera %s: %w", c.Name, ErrCamera)
	}
	key := keyOf(c.Model)
	b := e.batches[key]
	if b != nil && b.model.Name() == c.Model.Name() {
		c.Model = b.model // so that the other copy of the weights is freed
	}
	r, err := newReader(c, e.box, e.log.With("camera", c.Name), e.queue)
	if err != nil {
		return nil, err
	}
	if b == nil {
		b = &sharedBatch{model: c.Model, batch: c.Model.NewBatch(e.opts.Threads)}
		e.batches[key] = b
	}
	b.users++
	m := &member{reader: r, state: newCameraState(r, b.batch), batch: b, done: make(chan struct{})}
	r.slot.camera = m.state
	e.box.join(r.slot)
	e.mu.Lock()
	e.members = append(e.members, m)
	e.mu.Unlock()
	return m, nil
}

// start begins to read a camera.
func (e *Engine) start(m *member) {
	ctx, cancel := context.WithCancelCause(e.ctx)
	m.cancel = cancel
	e.reading.Go(func() {
		if err := m.run(ctx); err != nil {
			m.err = fmt.Errorf("camera %s: %w", m.Name, err)
		}
		byItself := ctx.Err() == nil
		close(m.done) // before OnEnded, whose caller asks for Ended
		if e.opts.OnEnded != nil && byItself {
			e.opts.OnEnded(m.Name)
		}
	})
	if m.Live && !e.overloading {
		e.overloading = true
		e.watching.Go(func() { newOverload(e.readers, e.log, e.opts.machine).run(e.over) })
	}
}

// Remove ends a camera and its open events, for a reason, and returns its final counters. What was pending is dropped.
// Afterwards nothing of it is left: its goroutines have ended, its last alert is queued, and its model is freed if no
// other camera uses it.
func (e *Engine) Remove(name string, reason alerts.EndReason) (Stats, error) {
	e.ops.Lock()
	defer e.ops.Unlock()
	if e.closed {
		return Stats{}, ErrClosed
	}
	m := e.find(name)
	if m == nil {
		return Stats{}, fmt.Errorf("camera %s: %w", name, ErrNoCamera)
	}
	m.stop(reason)
	<-m.done
	left := make(chan struct{})
	e.box.control(m.slot, change{left: left})
	<-left
	m.cancel(nil)
	_ = m.conclude() // the reader has logged it
	stats := m.snapshot()
	e.mu.Lock()
	e.members = slices.DeleteFunc(e.members, func(other *member) bool { return other == m })
	e.mu.Unlock()
	if m.batch.users--; m.batch.users == 0 {
		delete(e.batches, keyOf(m.batch.model))
		m.batch.batch.Close()
	}
	return stats, nil
}

// stop makes the reader end, for a reason.
func (m *member) stop(reason alerts.EndReason) {
	m.state.leaving.Store(true)
	m.cancel(stopped{reason})
}

// stopped is the cause of a reader's end.
type stopped struct{ reason alerts.EndReason }

func (s stopped) Error() string { return "stopped: " + string(s.reason) }

// stopReason says why a reader's context is done.
func stopReason(ctx context.Context) alerts.EndReason {
	if s, ok := errors.AsType[stopped](context.Cause(ctx)); ok {
		return s.reason
	}
	return alerts.EndStopped
}

// conclude reports what could not be scored of a camera that has ended, and returns its error.
func (m *member) conclude() error {
	err := m.err
	if unscored := m.state.unscoredError(); unscored != nil && err == nil {
		err = fmt.Errorf("camera %s: %w", m.Name, unscored)
		m.health.fail(alerts.StateFailed, unscored)
	}
	if n := m.stats.unscorable.Load(); n > 0 {
		m.log.Warn("clips could not be scored", "unscorable", n, "scored", m.stats.scored.Load(),
			errcode.Key, errcode.CameraUnscorable)
	}
	return err
}

// SetClipMemory replaces Options.ClipMemory.
func (e *Engine) SetClipMemory(bytes int64) { e.box.setLimit(bytes) }

// Stats returns the counters of the cameras, in the order in which they were added. Those of a removed camera are
// returned by Remove.
func (e *Engine) Stats() []Stats {
	readers := e.readers()
	stats := make([]Stats, len(readers))
	for i, r := range readers {
		stats[i] = r.snapshot()
	}
	return stats
}

// Ended reports whether there are cameras and all of them have ended by themselves, as recordings do.
func (e *Engine) Ended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.members {
		select {
		case <-m.done:
		default:
			return false
		}
	}
	return len(e.members) > 0
}

// Close ends the cameras that have not ended by themselves, scores what is pending of the others, ends open events, and
// waits for every goroutine. It returns the errors of recordings that could not be read to their end and of alerts that
// no broker accepted. Stats can still be called.
func (e *Engine) Close() error {
	e.ops.Lock()
	defer e.ops.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.closed = true
	for _, m := range e.members {
		select {
		case <-m.done:
		default:
			m.stop(alerts.EndStopped)
		}
	}
	for _, m := range e.members {
		<-m.done
	}
	return e.shut()
}

// shut is Close once every reader has ended.
func (e *Engine) shut() error {
	e.reading.Wait()
	close(e.over)
	e.box.close()
	e.scoring.Wait()
	e.watching.Wait()
	errs := make([]error, len(e.members))
	for i, m := range e.members {
		if m.cancel != nil {
			m.cancel(nil)
		}
		errs[i] = m.conclude()
	}
	e.queue.Close()
	e.publishing.Wait()
	for _, b := range e.batches {
		b.batch.Close()
	}
	return errors.Join(errors.Join(errs...), e.publishErr)
}

// Unsent counts the scores and states that gave way to newer ones because the Publisher was too slow.
func (e *Engine) Unsent() alerts.Unsent { return e.queue.Unsent() }

// find returns a camera, or nil.
func (e *Engine) find(name string) *member {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.members {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// readers returns the readers of the present cameras.
func (e *Engine) readers() []*reader {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*reader, len(e.members))
	for i, m := range e.members {
		all[i] = m.reader
	}
	return all
}

// logStats logs a line of counters for each camera every Summary.
func (e *Engine) logStats() {
	tick := time.NewTicker(e.opts.Summary)
	defer tick.Stop()
	for {
		select {
		case <-e.over:
			return
		case <-tick.C:
		}
		for _, s := range e.Stats() {
			e.log.Info("camera counters", slices.Concat([]any{"camera", s.Camera, "state", s.State}, s.args(),
				[]any{"failures", s.Failures})...)
		}
	}
}
