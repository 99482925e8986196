package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/alerts/switches"
	"vigil/api"
	"vigil/internal/errcode"
	"vigil/pipeline"
)

// maxSwitchWait bounds the time after which the ends of switches are checked again, since the clock may be set.
const maxSwitchWait = 10 * time.Second

// switchStore keeps switches; switches.Store implements it.
type switchStore interface {
	Put(ctx context.Context, s alerts.Switches) error
	History(ctx context.Context, camera string) ([]alerts.Switches, error)
}

// switchboard holds the cameras' switches: it stores a change before it takes effect, and ends switches in time. Its
// methods may be called concurrently.
type switchboard struct {
	log   *slog.Logger
	store switchStore // nil if it could not be opened: nothing can be switched
	// configured reports whether a camera is configured.
	configured func(camera string) bool
	// onChange is called after each change, one at a time, with the switches before and now; it may be nil.
	onChange func(before, now alerts.Switches)

	// onChanged is called once changing is free again; it may be nil.
	onChanged func()

	changing sync.Mutex    // held from the decision of a change until onChange has returned
	wake     chan struct{} // capacity 1: the next end may be earlier
	mu       sync.Mutex
	cameras  map[string]*cameraSwitches
}

// cameraSwitches are one camera's.
type cameraSwitches struct {
	set       alerts.Switches // guarded by switchboard.mu
	suspended atomic.Pointer[suspension]
}

// suspension is what the pipeline asks for with each clip.
type suspension struct {
	off, snoozed pipeline.Suspension
	until        time.Time // of snoozed
}

// at returns the switch that counts at a time.
func (s *suspension) at(now time.Time) pipeline.Suspension {
	switch {
	case s == nil:
		return pipeline.Suspension{}
	case s.off.State != "":
		return s.off
	case now.Before(s.until):
		return s.snoozed
	}
	return pipeline.Suspension{}
}

// suspensionOf returns nil for a camera that may open events.
func suspensionOf(s alerts.Switches) *suspension {
	var of suspension
	if s.DetectionOff {
		of.off = pipeline.Suspension{State: alerts.StateDetectionOff, Why: "detection is switched off"}
	}
	if s.SnoozedUntil != nil {
		of.until = *s.SnoozedUntil
		of.snoozed = pipeline.Suspension{State: alerts.StateSnoozed, Why: "until " + of.until.Format(time.RFC3339)}
	}
	if of == (suspension{}) {
		return nil
	}
	return &of
}

// pausedWhy is the detail of a paused camera's state.
func pausedWhy(s alerts.Switches) string {
	if s.PausedUntil != nil {
		return "until " + s.PausedUntil.Format(time.RFC3339)
	}
	return ""
}

// newSwitchboard returns a switchboard with what is stored; store may be nil.
func newSwitchboard(store switchStore, stored map[string]alerts.Switches, log *slog.Logger) *switchboard {
	b := &switchboard{
		log: log, store: store, configured: func(string) bool { return true }, wake: make(chan struct{}, 1),
		cameras: map[string]*cameraSwitches{},
	}
	for _, s := range stored {
		if s = s.Active(time.Now()); s.Any() {
			b.put(s)
		}
	}
	return b
}

// openSwitches reads the switches of the outbox's server. What cannot be read is logged: the cameras are monitored all
// the same.
func (d *Sinks) openSwitches(ctx context.Context, log *slog.Logger) *switchboard {
	store, err := switches.Open(ctx, d.Conn().JetStream())
	if err != nil {
		log.Error("ALARM: the cameras' switches cannot be read, so paused cameras are not paused",
			"error", errcode.StoreSwitches.Default(err))
		return newSwitchboard(nil, nil, log)
	}
	stored, unusable, err := store.Load(ctx)
	if err != nil {
		log.Error("ALARM: the cameras' switches cannot be read, so paused cameras are not paused",
			"error", errcode.StoreSwitches.Default(err))
	}
	for _, u := range unusable {
		log.Error("an entry of the cameras' switches cannot be used and is ignored", "key", u.Key, "error", u.Err,
			errcode.Key, errcode.StoreSwitches)
	}
	return newSwitchboard(store, stored, log)
}

// logStored logs what is switched at the start.
func (b *switchboard) logStored() {
	for _, s := range b.all() {
		b.log.Info("camera is switched as before the start", append([]any{
			"camera", s.Camera, "configured", b.configured(s.Camera),
		}, switchArgs(s)...)...)
	}
}

func switchArgs(s alerts.Switches) []any {
	args := []any{"paused", s.Paused, "detection_off", s.DetectionOff}
	if s.PausedUntil != nil {
		args = append(args, "paused_until", s.PausedUntil.Format(time.RFC3339))
	}
	if s.SnoozedUntil != nil {
		args = append(args, "snoozed_until", s.SnoozedUntil.Format(time.RFC3339))
	}
	return append(args, "change", s.Change, "by", s.By, "at", s.At.Format(time.RFC3339))
}

// put sets a camera's switches, without storing them.
func (b *switchboard) put(s alerts.Switches) {
	c := b.of(s.Camera)
	b.mu.Lock()
	c.set = s
	b.mu.Unlock()
	c.suspended.Store(suspensionOf(s))
}

// of returns the camera's switches, which are made if there are none.
func (b *switchboard) of(camera string) *cameraSwitches {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.cameras[camera]
	if c == nil {
		c = &cameraSwitches{set: alerts.Switches{Camera: camera}}
		b.cameras[camera] = c
	}
	return c
}

// keep frees the switches of all cameras but these, except for those that are set: they stay for a camera that comes
// back. changing is held.
func (b *switchboard) keep(cameras []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(b.cameras, func(name string, c *cameraSwitches) bool {
		return !c.set.Active(now).Any() && !slices.Contains(cameras, name)
	})
}

// get returns a camera's switches as they are now.
func (b *switchboard) get(camera string) alerts.Switches { return b.stored(camera).Active(time.Now()) }

// stored returns a camera's switches as they were set.
func (b *switchboard) stored(camera string) alerts.Switches {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.cameras[camera]; c != nil {
		return c.set
	}
	return alerts.Switches{Camera: camera}
}

// paused reports whether a camera must not be opened.
func (b *switchboard) paused(camera string) bool { return b.get(camera).Paused }

// all returns the switches of the cameras that have any set now, by name.
func (b *switchboard) all() []alerts.Switches {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []alerts.Switches
	for _, name := range slices.Sorted(maps.Keys(b.cameras)) {
		if s := b.cameras[name].set.Active(time.Now()); s.Any() {
			all = append(all, s)
		}
	}
	return all
}

// follow makes a pipeline's camera obey its switches other than a pause.
func (b *switchboard) follow(cam *pipeline.Camera) {
	c := b.of(cam.Name)
	cam.Suspended = func(now time.Time) pipeline.Suspension { return c.suspended.Load().at(now) }
}

// known returns an error for a camera that is neither configured nor switched.
func (b *switchboard) known(camera string) error {
	if alerts.ValidCamera(camera) != nil || !b.configured(camera) && !b.get(camera).Any() {
		return fmt.Errorf("camera %q: %w", camera, api.ErrNoCamera)
	}
	return nil
}

// errNoSwitches means that the bucket could not be opened.
var errNoSwitches = errcode.StoreSwitches.New("the store of switches could not be opened at the start: see the log")

// change stores a change of a camera's switches and then applies it. A change that changes nothing is not stored.
func (b *switchboard) change(ctx context.Context, camera string, c alerts.SwitchChange, by string) error {
	if err := b.known(camera); err != nil {
		return err
	}
	b.changing.Lock()
	defer b.changed()
	now := time.Now()
	before := b.stored(camera) // with what has ended and was not notified yet
	after, err := before.With(c, by, now)
	switch {
	case err != nil:
		return api.Invalid{Err: err}
	case sameSwitches(before.Active(now), after):
		return nil
	case b.store == nil:
		return errNoSwitches
	}
	if err := b.store.Put(ctx, after); err != nil {
		b.log.Error("a change of a camera's switches could not be stored and does not count", "camera", camera,
			"change", after.Change, "by", by, "error", errcode.StoreSwitches.Default(err))
		return errcode.StoreSwitches.Default(err)
	}
	b.put(after)
	b.log.Info("camera switched", "camera", camera, "change", after.Change, "by", by)
	b.notify(before, after)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return nil
}

// changed unlocks changing, and lets those look that did not wait for it.
func (b *switchboard) changed() {
	b.changing.Unlock()
	if b.onChanged != nil {
		b.onChanged()
	}
}

// sameSwitches compares switches, not who set them and when.
func sameSwitches(a, b alerts.Switches) bool {
	same := func(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }
	return a.Paused == b.Paused && same(a.PausedUntil, b.PausedUntil) && same(a.SnoozedUntil, b.SnoozedUntil) &&
		a.DetectionOff == b.DetectionOff
}

func (b *switchboard) notify(before, after alerts.Switches) {
	if b.onChange != nil {
		b.onChange(before, after)
	}
}

// history returns the latest changes of a camera, the newest last; none if they cannot be read.
func (b *switchboard) history(ctx context.Context, camera string) []alerts.Switches {
	if b.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	all, err := b.store.History(ctx, camera)
	if err != nil {
		b.log.Debug("the changes of a camera's switches cannot be read", "camera", camera, "error", err)
	}
	return all
}

// historyTimeout bounds reading the changes, which waits at an unreadable one.
const historyTimeout = 2 * time.Second

// run ends switches in time until ctx ends.
func (b *switchboard) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := b.endDue(ctx, time.Now())
		if wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		case <-timer.C:
		}
	}
}

// endDue ends what is due and returns how long to wait; 0 for until the next change.
func (b *switchboard) endDue(ctx context.Context, now time.Time) time.Duration {
	b.changing.Lock()
	defer b.changed()
	var ended [][2]alerts.Switches
	var next time.Time
	b.mu.Lock()
	for _, c := range b.cameras {
		if active := c.set.Active(now); !sameSwitches(active, c.set) {
			ended = append(ended, [2]alerts.Switches{c.set, active})
		} else if end := active.NextEnd(); !end.IsZero() && (next.IsZero() || end.Before(next)) {
			next = end
		}
	}
	b.mu.Unlock()
	for _, change := range ended {
		if ctx.Err() != nil {
			return 0
		}
		before, after := change[0], change[1]
		b.put(after)
		b.log.Info("a switch of a camera has ended by itself", "camera", after.Camera, "paused", after.Paused,
			"was_paused", before.Paused, "snoozed", after.SnoozedUntil != nil,
			"was_snoozed", before.SnoozedUntil != nil)
		b.notify(before, after)
	}
	switch {
	case len(ended) > 0:
		return time.Millisecond // others may end later
	case next.IsZero():
		return 0
	}
	return min(max(next.Sub(now), time.Millisecond), maxSwitchWait)
}
