package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

// forwarder delivers the alerts of one camera to one sink, in order. Cameras do not wait for each other: a camera whose
// alerts are refused delays only its own.
//
// Its goroutine is Outbox.forward: nextMessage reads the message after the cursor, and deliver retries it, with
// deliverOnce for each attempt, until the sink has acknowledged it or it is set aside. When no message has come for a
// while it ends, and the next message starts another forwarder, so that cameras that are gone leave none behind.
type forwarder struct {
	sink    sink.Sink
	camera  string
	cursor  atomic.Uint64 // number of the last acknowledged message
	signal  chan struct{} // capacity 1: there may be a new message
	failing atomic.Bool   // the latest attempt failed
}

func (f *forwarder) wake() {
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

// key is that of its cursor.
func (f *forwarder) key() string { return f.sink.Name() + "." + f.camera }

// startForwarders starts the missing forwarders of a camera. o.mu is held.
func (o *Outbox) startForwarders(camera string) {
	if o.stopping {
		return
	}
	for _, s := range o.opts.Sinks {
		if o.hasForwarder(s, camera) {
			continue
		}
		f := &forwarder{sink: s, camera: camera, signal: make(chan struct{}, 1)}
		f.cursor.Store(o.cursorOf(s.Name(), camera))
		delete(o.idleCursors, f.key())
		o.forwarders = append(o.forwarders, f)
		o.work.Go(func() { o.forward(o.ctx, f) })
	}
}

func (o *Outbox) hasForwarder(s sink.Sink, camera string) bool {
	for _, f := range o.forwarders {
		if f.sink.Name() == s.Name() && f.camera == camera {
			return true
		}
	}
	return false
}

// forward is the goroutine of a forwarder: it delivers what is stored, and then waits for the next message.
func (o *Outbox) forward(ctx context.Context, f *forwarder) {
	idle := time.NewTimer(o.opts.IdleAfter)
	defer idle.Stop()
	for ctx.Err() == nil {
		m, ok := o.nextMessage(ctx, f)
		if ok {
			o.deliver(ctx, f, m)
			continue
		}
		idle.Reset(o.opts.IdleAfter)
		select {
		case <-ctx.Done():
		case <-f.signal:
		case <-idle.C:
			if o.endIdle(f) {
				return
			}
		}
	}
}

// endIdle removes a forwarder that has delivered everything, unless its cursor is not saved yet, and what is kept of a
// camera without forwarders but their cursors.
func (o *Outbox) endIdle(f *forwarder) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := f.cursor.Load()
	if saved, ok := o.savedCursors[f.key()]; !ok || saved != at || at < o.lastStored[f.camera] {
		return false
	}
	o.forwarders = slices.DeleteFunc(o.forwarders, func(other *forwarder) bool { return other == f })
	o.idleCursors[f.key()] = at
	if !slices.ContainsFunc(o.forwarders, func(other *forwarder) bool { return other.camera == f.camera }) {
		delete(o.lastStored, f.camera)
		delete(o.undelivered, f.camera)
	}
	return true
}

// nextMessage reads the message after the last acknowledged one; false if there is none, or ctx ended.
func (o *Outbox) nextMessage(ctx context.Context, f *forwarder) (sink.Message, bool) {
	for wait := o.newBackoff(); ; {
		starts := o.server.Starts()
		m, err := o.readMessage(ctx, f)
		ok := err == nil
		if ctx.Err() == nil && errors.Is(err, jetstream.ErrMsgNotFound) {
			// The server answers the same for a message that it cannot read.
			m, ok, err = o.skipUnreadable(ctx, f)
		}
		if ok && err == nil {
			// Messages in a deleted directory are stored again, and delivered then.
			err = o.server.Moved()
			if err == nil && o.server.Starts() != starts {
				err = errRestarted
			}
		}
		switch {
		case err == nil:
			return m, ok
		case ctx.Err() != nil:
			return sink.Message{}, false
		}
		o.log.Debug("read the outbox", "camera", f.camera, "error", err)
		if !wait.Wait(ctx) {
			return sink.Message{}, false
		}
	}
}

func (o *Outbox) readMessage(ctx context.Context, f *forwarder) (sink.Message, error) {
	s, err := o.stream(ctx)
	if err != nil {
		return sink.Message{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	raw, err := s.GetMsg(ctx, f.cursor.Load()+1, jetstream.WithGetMsgSubject(alerts.CameraSubject(f.camera)))
	if err != nil {
		return sink.Message{}, err
	}
	return sink.Message{
		Seq: raw.Sequence, Camera: f.camera, Subject: raw.Subject, ID: raw.Header.Get(jetstream.MsgIDHeader),
		Data:   raw.Data,
		Origin: raw.Header.Get(broker.OriginHeader), Stored: raw.Time,
	}, nil
}

// skipUnreadable scans for the camera's next message after an unreadable one; false if there is none.
func (o *Outbox) skipUnreadable(ctx context.Context, f *forwarder) (m sink.Message, found bool, err error) {
	o.mu.Lock()
	last := o.lastStored[f.camera]
	o.mu.Unlock()
	from := f.cursor.Load() + 1
	if from > last {
		return sink.Message{}, false, nil
	}
	// Every forwarder logs an unreadable message, since its camera is not known.
	unreadable, err := o.conn.Scan(ctx, broker.ScanOptions{
		From: from, Last: last,
		Subject: alerts.CameraSubject(f.camera),
	}, func(r broker.Record) error {
		m, found = sink.Message{
			Seq: r.Seq, Camera: f.camera, Subject: r.Subject, ID: r.ID, Data: r.Data,
			Origin: r.Origin, Stored: r.Time,
		},
			true
		return errFound
	})
	if found {
		err = nil
	}
	if err != nil {
		return m, false, err
	}
	o.logUnreadable(unreadable)
	if !found {
		f.cursor.CompareAndSwap(from-1, last)
		o.progress.Notify()
	}
	return m, found, nil
}

// errRestarted means that a message may come from a directory that is no longer the server's.
var errRestarted = errors.New("the embedded server was restarted meanwhile")

// errFound stops a scan.
var errFound = errors.New("found")

// readTimeout bounds a read from the embedded server, which may be restarting.
const readTimeout = 5 * time.Second

// stream returns the stream of alerts, looked up once; the handle survives a restart of the server.
func (o *Outbox) stream(ctx context.Context) (jetstream.Stream, error) {
	o.mu.Lock()
	s := o.streamCache
	o.mu.Unlock()
	if s != nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.streamCache = s
	return s, nil
}

// deliver retries until the sink has the message, it is set aside, or ctx ends. An error is logged when it changes, and
// so is the recovery.
func (o *Outbox) deliver(ctx context.Context, f *forwarder, m sink.Message) {
	lastLogged, attempts := "", 0
	var refusedSince time.Time
	for wait := o.newBackoff(); ; {
		err := o.deliverOnce(ctx, f, m)
		if err == nil {
			if attempts > 0 {
				o.log.Info("alerts are delivered again", "sink", f.sink.Name(), "camera", f.camera, "id", m.ID,
					"tries", attempts+1)
			}
			o.delivered(f, m)
			return
		}
		if ctx.Err() != nil {
			return
		}
		attempts++
		o.counters.sinks[f.sink.Name()].failures.Add(1)
		f.failing.Store(true)
		if sink.IsRefused(err) {
			if refusedSince.IsZero() {
				refusedSince = time.Now()
			}
			if time.Since(refusedSince) >= o.opts.SetAsideAfter {
				kept := o.setAside(ctx, f, m, refusedSince, err)
				if kept == nil {
					o.delivered(f, m)
					return
				}
				err = fmt.Errorf("%w; it cannot be set aside: %w", err, kept)
			}
		}
		if text := sink.Steady(err); text != lastLogged {
			lastLogged = text
			o.log.Warn("alert is not delivered yet, retrying", "sink", f.sink.Name(), "camera", f.camera, "id", m.ID,
				"error", errcode.SinkBadAnswer.Default(err))
		}
		if !wait.Wait(ctx) {
			return
		}
	}
}

// delivered records that a sink has a message, or will never get it.
func (o *Outbox) delivered(f *forwarder, m sink.Message) {
	f.failing.Store(false)
	f.cursor.Store(m.Seq)
	o.progress.Notify()
}

// deliverOnce delivers a message once. A message that this vigil did not store is skipped.
func (o *Outbox) deliverOnce(ctx context.Context, f *forwarder, m sink.Message) error {
	if err := o.verify(m); err != nil {
		o.skipForeign(f, m, err)
		return nil
	}
	err := f.sink.Deliver(ctx, m)
	if err == nil {
		o.counters.sinks[f.sink.Name()].delivered.Add(1)
		if o.opts.OnDelivered != nil {
			o.opts.OnDelivered(f.sink.Name(), time.Since(m.Stored))
		}
	}
	return err
}

// newBackoff returns the pauses between attempts to store or deliver an alert, or to restart the server.
func (o *Outbox) newBackoff() *retry.Backoff {
	return &retry.Backoff{First: firstRetry, Max: o.opts.LongestPause}
}
