package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/sink"
)

// line takes the alerts of one camera out by one way, one after the other. Cameras do not wait for each other: one
// whose subject is refused holds up its own alerts only.
type line struct {
	way    sink.Sink
	camera string
	place  atomic.Uint64 // number of the last message that was acknowledged
	signal chan struct{} // 1: something new may be stored
}

func (l *line) wake() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// startLines starts what a camera lacks. o.mu is held.
func (o *Outbox) startLines(camera string) {
	if o.stopping {
		return
	}
	for _, w := range o.opts.Sinks {
		if o.hasLine(w, camera) {
			continue
		}
		l := &line{way: w, camera: camera, signal: make(chan struct{}, 1)}
		l.place.Store(o.placeOf(w.Name(), camera))
		o.lines = append(o.lines, l)
		o.work.Go(func() { o.runLine(o.ctx, l) })
	}
}

func (o *Outbox) hasLine(w sink.Sink, camera string) bool {
	for _, l := range o.lines {
		if l.way.Name() == w.Name() && l.camera == camera {
			return true
		}
	}
	return false
}

func (o *Outbox) runLine(ctx context.Context, l *line) {
	for ctx.Err() == nil {
		m, ok := o.next(ctx, l)
		if ok {
			o.deliver(ctx, l, m)
			continue
		}
		select {
		case <-ctx.Done():
		case <-l.signal:
		}
	}
}

// next reads the message after the last that was acknowledged; false where there is none, or ctx ended.
func (o *Outbox) next(ctx context.Context, l *line) (sink.Message, bool) {
	for pause := firstPause; ; pause = min(2*pause, o.opts.LongestPause) {
		m, err := o.read(ctx, l)
		ok := false
		switch {
		case err == nil:
			return m, true
		case ctx.Err() != nil:
			return sink.Message{}, false
		case errors.Is(err, jetstream.ErrMsgNotFound):
			// The server says the same of a message that it cannot read.
			m, ok, err = o.passOver(ctx, l)
			if err == nil {
				return m, ok
			}
		}
		o.log.Debug("read the outbox", "camera", l.camera, "error", err)
		if !sleep(ctx, pause) {
			return sink.Message{}, false
		}
	}
}

func (o *Outbox) read(ctx context.Context, l *line) (sink.Message, error) {
	s, err := o.stream(ctx)
	if err != nil {
		return sink.Message{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	raw, err := s.GetMsg(ctx, l.place.Load()+1, jetstream.WithGetMsgSubject(alerts.CameraSubject(l.camera)))
	if err == nil {
		err = o.server.Moved() // what lies where nobody finds it is stored again, and leaves then
	}
	if err != nil {
		return sink.Message{}, err
	}
	return sink.Message{
		Seq: raw.Sequence, Camera: l.camera, Subject: raw.Subject, ID: raw.Header.Get(jetstream.MsgIDHeader),
		Data:   raw.Data,
		Origin: raw.Header.Get(broker.OriginHeader),
	}, nil
}

// passOver looks, number by number, for what a camera has behind something that cannot be read; false where it has
// nothing more.
func (o *Outbox) passOver(ctx context.Context, l *line) (m sink.Message, found bool, err error) {
	o.mu.Lock()
	last := o.stored[l.camera]
	o.mu.Unlock()
	from := l.place.Load() + 1
	if from > last {
		return sink.Message{}, false, nil
	}
	// Of another camera's that cannot be read each line says it, since nobody knows whose it was.
	unreadable, err := o.conn.Scan(ctx, broker.ScanOptions{
		From: from, Last: last,
		Subject: alerts.CameraSubject(l.camera),
	}, func(r broker.Record) error {
		m, found = sink.Message{Seq: r.Seq, Camera: l.camera, Subject: r.Subject, ID: r.ID, Data: r.Data, Origin: r.Origin},
			true
		return errFound
	})
	if found {
		err = nil
	}
	if err != nil {
		return m, false, err
	}
	o.sayUnreadable(unreadable)
	if !found {
		l.place.CompareAndSwap(from-1, last)
	}
	return m, found, nil
}

// errFound ends a scan.
var errFound = errors.New("found")

// readTimeout bounds a read from the server in this process, which may just be restarting.
const readTimeout = 5 * time.Second

// stream is the outbox's. It is asked for once; a restart of the server changes nothing about it.
func (o *Outbox) stream(ctx context.Context) (jetstream.Stream, error) {
	o.mu.Lock()
	s := o.streamOnce
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
	o.streamOnce = s
	return s, nil
}

// deliver tries until the way has the message or ctx ends. What stands in the way is said when it changes, and that it
// is over.
func (o *Outbox) deliver(ctx context.Context, l *line, m sink.Message) {
	told, tries := "", 0
	var refusedSince time.Time
	for pause := firstPause; ; pause = min(2*pause, o.opts.LongestPause) {
		err := o.once(ctx, l, m)
		if err == nil {
			if tries > 0 {
				o.log.Info("alerts are delivered again", "way", l.way.Name(), "camera", l.camera, "id", m.ID,
					"tries", tries+1)
			}
			l.place.Store(m.Seq)
			return
		}
		if ctx.Err() != nil {
			return
		}
		tries++
		if sink.IsRefused(err) {
			if refusedSince.IsZero() {
				refusedSince = time.Now()
			}
			if time.Since(refusedSince) >= o.opts.SetAsideAfter {
				kept := o.setAside(ctx, l, m, refusedSince, err)
				if kept == nil {
					l.place.Store(m.Seq)
					return
				}
				err = fmt.Errorf("%w; it cannot be set aside: %w", err, kept)
			}
		}
		if text := sink.Steady(err); text != told {
			told = text
			o.log.Warn("alert is not delivered yet, trying on", "way", l.way.Name(), "camera", l.camera, "id", m.ID,
				"error", err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// once delivers a message; what this vigil did not store goes nowhere.
func (o *Outbox) once(ctx context.Context, l *line, m sink.Message) error {
	if err := o.vet(m); err != nil {
		o.passBy(l, m, err)
		return nil
	}
	return l.way.Deliver(ctx, m)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
