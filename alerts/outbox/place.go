package outbox

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/alerts/broker"
)

// BookBytes is what the outbox keeps in streams beside the alerts, at most.
const BookBytes = placesBytes + asideBytes

const (
	placesBytes = 4 << 20
	// createdKey tells the places of one stream from those of another that was lost.
	createdKey = "created"
)

// readPlaces finds out where each way left off. One that is new begins with what comes from now on: what is stored already was for
// others. Places are saved some time after a delivery, so after a crash a few messages are sent again, with the ids that they had.
func (o *Outbox) readPlaces(ctx context.Context) (err error) {
	o.places, err = o.conn.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: broker.PositionsBucket, Description: "How far alerts of vigil were delivered", MaxBytes: placesBytes, Storage: jetstream.FileStorage,
	})
	if err != nil {
		return fmt.Errorf("positions of the outbox: %w", err)
	}
	s, err := o.stream(ctx)
	if err != nil {
		return fmt.Errorf("positions of the outbox: %w", err)
	}
	info := s.CachedInfo()
	found, err := o.listPlaces(ctx)
	if err != nil {
		return err
	}
	created := info.Created.UTC().Format(time.RFC3339Nano)
	if was, err := o.places.Get(ctx, createdKey); err != nil || string(was.Value()) != created {
		for key := range found {
			if err := o.places.Purge(ctx, key); err != nil {
				return fmt.Errorf("positions of the outbox: %w", err)
			}
		}
		clear(found)
		if _, err := o.places.PutString(ctx, createdKey, created); err != nil {
			return fmt.Errorf("positions of the outbox: %w", err)
		}
	}
	return o.adopt(ctx, found, info.State.LastSeq)
}

func (o *Outbox) listPlaces(ctx context.Context) (map[string]uint64, error) {
	w, err := o.places.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("positions of the outbox: %w", err)
	}
	defer func() { _ = w.Stop() }()
	found := map[string]uint64{}
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				return found, nil
			}
			if n, err := strconv.ParseUint(string(e.Value()), 10, 64); err == nil && e.Key() != createdKey {
				found[e.Key()] = n
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("positions of the outbox: %w", context.Cause(ctx))
		}
	}
}

// adopt takes over the places of the ways that are configured and forgets the others, so that a way that comes back after a year does not
// tell of a year.
func (o *Outbox) adopt(ctx context.Context, found map[string]uint64, last uint64) error {
	o.saved = map[string]uint64{}
	for _, w := range o.opts.Ways {
		at, ok := found[w.Name()]
		if !ok {
			at = last
			if err := o.savePlace(ctx, w.Name(), at); err != nil {
				return err
			}
		}
		o.begin[w.Name()], o.saved[w.Name()] = at, at
	}
	for key, at := range found {
		way, camera, both := strings.Cut(key, ".")
		switch _, ours := o.begin[way]; {
		case !ours:
			if err := o.places.Purge(ctx, key); err != nil {
				return fmt.Errorf("positions of the outbox: %w", err)
			}
		case both && camera != "":
			o.saved[key] = at
		}
	}
	return nil
}

// placeOf is where a way left off with a camera. o.mu is held.
func (o *Outbox) placeOf(way, camera string) uint64 {
	if at, ok := o.saved[way+"."+camera]; ok {
		return at
	}
	return o.begin[way]
}

func (o *Outbox) savePlace(ctx context.Context, key string, at uint64) error {
	if _, err := o.places.PutString(ctx, key, strconv.FormatUint(at, 10)); err != nil {
		return fmt.Errorf("position %s of the outbox: %w", key, err)
	}
	return nil
}

// savePlaces keeps what has changed. What cannot be kept now is kept later; until then a crash means repeats, and no loss.
func (o *Outbox) savePlaces(ctx context.Context) {
	o.mu.Lock()
	changed := map[string]uint64{}
	for _, l := range o.lines {
		key := l.way.Name() + "." + l.camera
		if at := l.place.Load(); at != o.saved[key] {
			changed[key] = at
		}
	}
	o.mu.Unlock()
	for key, at := range changed {
		if err := o.savePlace(ctx, key, at); err != nil {
			o.log.Debug("position not kept", "error", err)
			return
		}
		o.mu.Lock()
		o.saved[key] = at
		o.mu.Unlock()
	}
}

const (
	saveEvery   = 200 * time.Millisecond
	refillEvery = 30 * time.Second
)

// tend does what must be done from time to time, and mends a server that fails while no alert comes.
func (o *Outbox) tend() {
	save, refill := time.NewTicker(saveEvery), time.NewTicker(refillEvery)
	defer save.Stop()
	defer refill.Stop()
	for {
		alarm, _ := o.sick.state()
		select {
		case <-o.ctx.Done():
			return
		case <-alarm:
			o.heal()
		case <-save.C:
			o.savePlaces(o.ctx)
		case <-refill.C:
			err := o.reserve.fill()
			if err != nil {
				o.log.Warn("no room is held back for alerts: the disk is nearly full", "error", err)
			}
			o.remind(err == nil)
		}
	}
}

// heal mends until the server can write.
func (o *Outbox) heal() {
	for pause := firstPause; o.ctx.Err() == nil; pause = min(2*pause, o.opts.LongestPause) {
		_, sick := o.sick.state()
		if sick == nil {
			return
		}
		o.alarm(sick)
		if err := o.mend(o.ctx); err != nil && o.ctx.Err() == nil {
			o.log.Error("mending the embedded server", "error", err)
		}
		if !sleep(o.ctx, pause) {
			return
		}
	}
}

// trim lets the oldest messages go that every way has and whose events are over, a quarter of the stream, where it is nearly full. It is
// an error where it is full of what must stay.
func (o *Outbox) trim(ctx context.Context, full bool) error {
	s, err := o.conn.JetStream().Stream(ctx, broker.Stream)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	if !full && int64(state.Bytes) < o.opts.Bytes/8*7 {
		return nil
	}
	keep := min(state.FirstSeq+(state.LastSeq-state.FirstSeq)/4+1, o.floor())
	if keep <= state.FirstSeq {
		return fmt.Errorf("the outbox is full: %d messages, of which none was delivered everywhere: %v", state.Msgs, o.Waiting())
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return err
	}
	o.log.Info("the oldest alerts were let go", "up_to", keep-1, "bytes", state.Bytes)
	return nil
}

// floor is the number of the oldest message that must stay.
func (o *Outbox) floor() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	keep := ^uint64(0)
	for _, first := range o.open {
		keep = min(keep, first)
	}
	for _, l := range o.lines {
		if at := l.place.Load(); at < o.stored[l.camera] {
			keep = min(keep, at+1)
		}
	}
	return keep
}
