package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// ledgerKey says that there is a ledger, so that one that is missing is lost.
	ledgerKey = "ledger"
)

// openPlaces makes the bucket of the positions where it is missing.
func (o *Outbox) openPlaces(ctx context.Context) error {
	places, err := o.conn.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: broker.PositionsBucket, Description: "How far alerts of vigil were delivered", MaxBytes: placesBytes,
		Storage: jetstream.FileStorage,
	})
	if err != nil {
		// the old ones are those that positions are kept in, as far as that is possible
		return fmt.Errorf("positions of the outbox: %w", err)
	}
	o.mu.Lock()
	o.places = places
	o.mu.Unlock()
	return nil
}

// readPlaces finds out where each way left off. One that is new begins with what comes from now on: what is stored
// already was for others. Places are saved some time after a delivery, so after a crash a few messages are sent again,
// with the ids that they had.
func (o *Outbox) readPlaces(ctx context.Context) error {
	if err := o.openPlaces(ctx); err != nil {
		return err
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
	was, err := o.places.Get(ctx, createdKey)
	same := err == nil && string(was.Value()) == created
	switch known := o.loss.known; {
	case known != nil:
		if err := o.restorePlaces(ctx, found, known.Cursors); err != nil {
			return err
		}
	case !same:
		// The stream is another one, and nothing is known of the one that it replaces.
		if info.State.Msgs > 0 {
			o.log.Error("how far alerts were delivered is lost; delivery goes on with what comes from now on", "stored",
				info.State.Msgs)
		}
		for key := range found {
			if err := o.places.Purge(ctx, key); err != nil {
				return fmt.Errorf("positions of the outbox: %w", err)
			}
		}
		clear(found)
	}
	if !same {
		if _, err := o.places.PutString(ctx, createdKey, created); err != nil {
			return fmt.Errorf("positions of the outbox: %w", err)
		}
	}
	if !o.hadLedger {
		if _, err := o.places.PutString(ctx, ledgerKey, "1"); err != nil {
			return fmt.Errorf("positions of the outbox: %w", err)
		}
	}
	if err := o.bringBack(ctx, found, info.State.LastSeq); err != nil {
		return err
	}
	return o.adopt(ctx, found, info.State.LastSeq)
}

// restorePlaces takes positions that the store has lost from the ledger.
func (o *Outbox) restorePlaces(ctx context.Context, found, ledger map[string]uint64) error {
	var lost []string
	for key, at := range ledger {
		if _, ok := found[key]; !ok {
			if err := o.savePlace(ctx, key, at); err != nil {
				return err
			}
			found[key] = at
			lost = append(lost, key)
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		o.log.Warn("positions of deliveries were missing from the store and are taken from the ledger",
			"positions", lost)
	}
	return nil
}

// bringBack corrects positions above the stream's last number, which has become shorter and has lost its ledger too:
// it counts from less on, and what comes would never be delivered. What was stored after the position was saved cannot
// have been delivered; what was stored before has been.
func (o *Outbox) bringBack(ctx context.Context, found map[string]uint64, last uint64) error {
	for key, at := range found {
		if at <= last {
			continue
		}
		back := last
		if e, err := o.places.Get(ctx, key); err == nil {
			if back, err = o.lastBefore(ctx, e.Created(), last); err != nil {
				return fmt.Errorf("position %s of the outbox: %w", key, err)
			}
		}
		o.log.Error("a position of deliveries lay above the last stored alert and is set back to what was delivered",
			"position", key,
			"was", at, "last", last, "set_to", back)
		if err := o.savePlace(ctx, key, back); err != nil {
			return err
		}
		found[key] = back
	}
	return nil
}

// lastBefore is the number of the last alert that was stored before a time; 0 for none.
func (o *Outbox) lastBefore(ctx context.Context, at time.Time, last uint64) (uint64, error) {
	if last == 0 {
		return 0, nil
	}
	first := last + 1
	_, err := o.conn.Scan(ctx, broker.ScanOptions{Since: at, Heads: true}, func(r broker.Record) error {
		first = r.Seq
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return 0, err
	}
	return first - 1, nil
}

// listPlaces asks for each position by its key: a watcher waits for ever before one that the server cannot read. Those
// are as good as not there.
func (o *Outbox) listPlaces(ctx context.Context) (map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, "KV_"+broker.PositionsBucket)
	if err != nil {
		return nil, fmt.Errorf("positions of the outbox: %w", err)
	}
	beginning := "$KV." + broker.PositionsBucket + "."
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(beginning+">"))
	if err != nil {
		return nil, fmt.Errorf("positions of the outbox: %w", err)
	}
	found := map[string]uint64{}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, beginning)
		e, err := o.places.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
		case err != nil:
			return nil, fmt.Errorf("position %s of the outbox: %w", key, err)
		case key == ledgerKey:
			o.hadLedger = true
		case key == createdKey:
		default:
			n, err := strconv.ParseUint(string(e.Value()), 10, 64)
			if err != nil {
				o.log.Error("a position of the outbox is not a number and is passed over", "key", key)
				continue
			}
			found[key] = n
		}
	}
	return found, nil
}

// listTime bounds the reading of all positions, of which there is one for each way and camera.
const listTime = 30 * time.Second

// adopt takes over the places of the ways that are configured and forgets the others, so that a way that comes back
// after a year does not tell of a year.
func (o *Outbox) adopt(ctx context.Context, found map[string]uint64, last uint64) error {
	o.saved = map[string]uint64{}
	for _, w := range o.opts.Sinks {
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
			o.ledger.Forget(key)
		case both && camera != "":
			o.saved[key] = at
		}
	}
	o.ledger.Cursors(maps.Clone(o.saved))
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
	o.mu.Lock()
	places := o.places
	o.mu.Unlock()
	if _, err := places.PutString(ctx, key, strconv.FormatUint(at, 10)); err != nil {
		return fmt.Errorf("position %s of the outbox: %w", key, err)
	}
	return nil
}

// savePlaces keeps what has changed. What cannot be kept now is kept later; until then a crash means repeats, and no
// loss.
func (o *Outbox) savePlaces(ctx context.Context) {
	o.mu.Lock()
	changed := map[string]uint64{}
	for way, at := range o.begin {
		if _, ok := o.saved[way]; !ok {
			changed[way] = at
		}
	}
	for _, l := range o.lines {
		key := l.way.Name() + "." + l.camera
		if was, ok := o.saved[key]; !ok || was != l.place.Load() {
			changed[key] = l.place.Load()
		}
	}
	o.mu.Unlock()
	o.ledger.Cursors(maps.Clone(changed))
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
			if err := o.server.Moved(); err != nil {
				o.guard(o.ctx) // which knows whether another program has deleted the stream
				o.sick.set(err)
				continue
			}
			o.savePlaces(o.ctx)
		case <-refill.C:
			err := o.reserve.fill()
			if err != nil {
				o.log.Warn("no room is held back for alerts", "error", err)
			}
			o.remind(err == nil)
			o.check(o.ctx)
			o.noteStreams()
			o.sayLedger()
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

// trim lets the oldest messages go that every way has and whose events are over, a quarter of the stream, where it is
// nearly full. It is an error where it is full of what must stay.
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
		return fmt.Errorf("the outbox is full: %d messages, of which none was delivered everywhere: %v", state.Msgs,
			o.Waiting())
	}
	// The ledger has it first: a process that is killed behind the purge must not find alerts missing. What stays all
	// the same is found at the next start.
	o.ledger.Reclaimed(keep)
	if err := o.ledger.Flush(ctx); err != nil {
		o.log.Debug("the ledger does not know yet that alerts are let go", "error", err)
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
