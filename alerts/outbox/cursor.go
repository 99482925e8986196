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
	"vigil/internal/errcode"
)

// BookkeepingBytes is the maximum size of the outbox's streams in addition to the alerts: cursors, and alerts set
// aside.
const BookkeepingBytes = cursorBytes + asideBytes

const (
	cursorBytes = 4 << 20
	// createdKey holds the creation time of the stream that the cursors belong to.
	createdKey = "created"
	// ledgerKey shows that there is a ledger, so that a missing one counts as lost.
	ledgerKey = "ledger"
)

// openCursors opens the bucket of the cursors, and creates it if it is missing.
func (o *Outbox) openCursors(ctx context.Context) error {
	cursors, err := o.conn.JetStream().CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: broker.PositionsBucket, Description: "How far alerts of vigil were delivered", MaxBytes: cursorBytes,
		Storage: jetstream.FileStorage,
	})
	if err != nil {
		// the previous handle stays in use
		return fmt.Errorf("cursors of the outbox: %w", err)
	}
	o.mu.Lock()
	o.cursorBucket = cursors
	o.mu.Unlock()
	return nil
}

// loadCursors reads the cursor of each sink. A new sink begins with the next alert. Cursors are saved some time after a
// delivery, so after a crash a few messages are delivered again, with the same ids.
func (o *Outbox) loadCursors(ctx context.Context) error {
	if err := o.openCursors(ctx); err != nil {
		return err
	}
	s, err := o.stream(ctx)
	if err != nil {
		return fmt.Errorf("cursors of the outbox: %w", err)
	}
	info := s.CachedInfo()
	found, err := o.listCursors(ctx)
	if err != nil {
		return err
	}
	created := info.Created.UTC().Format(time.RFC3339Nano)
	was, err := o.cursorBucket.Get(ctx, createdKey)
	same := err == nil && string(was.Value()) == created
	switch known := o.loss.known; {
	case known != nil:
		if err := o.restoreCursors(ctx, found, known.Cursors); err != nil {
			return err
		}
	case !same:
		// The stream was replaced, and nothing is known of the previous one.
		if info.State.Msgs > 0 {
			o.log.Error("the cursors of the outbox are lost; delivery continues with the next alert", "stored",
				info.State.Msgs, errcode.Key, errcode.StorePositionsLost)
		}
		for key := range found {
			if err := o.cursorBucket.Purge(ctx, key); err != nil {
				return fmt.Errorf("cursors of the outbox: %w", err)
			}
		}
		clear(found)
	}
	if !same {
		if _, err := o.cursorBucket.PutString(ctx, createdKey, created); err != nil {
			return fmt.Errorf("cursors of the outbox: %w", err)
		}
	}
	if !o.hadLedger {
		if _, err := o.cursorBucket.PutString(ctx, ledgerKey, "1"); err != nil {
			return fmt.Errorf("cursors of the outbox: %w", err)
		}
	}
	if err := o.lowerCursors(ctx, found, info.State.LastSeq); err != nil {
		return err
	}
	return o.reconcileCursors(ctx, found, info.State.LastSeq)
}

// restoreCursors restores cursors that the store has lost from the ledger.
func (o *Outbox) restoreCursors(ctx context.Context, found, ledger map[string]uint64) error {
	var lost []string
	for key, at := range ledger {
		if _, ok := found[key]; !ok {
			if err := o.saveCursor(ctx, key, at); err != nil {
				return err
			}
			found[key] = at
			lost = append(lost, key)
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		o.log.Warn("cursors of the outbox were missing from the store and are restored from the ledger",
			"cursors", lost, errcode.Key, errcode.StorePositionsLost)
	}
	return nil
}

// lowerCursors corrects cursors above the stream's last number. A stream that was truncated, and whose ledger is lost
// too, reuses numbers, and new alerts below a cursor would never be delivered. What was stored before the cursor was
// saved has been delivered; what was stored later has not.
func (o *Outbox) lowerCursors(ctx context.Context, found map[string]uint64, last uint64) error {
	for key, at := range found {
		if at <= last {
			continue
		}
		back := last
		if e, err := o.cursorBucket.Get(ctx, key); err == nil {
			if back, err = o.lastStoredBefore(ctx, e.Created(), last); err != nil {
				return fmt.Errorf("cursor %s of the outbox: %w", key, err)
			}
		}
		o.log.Error("a cursor of the outbox was above the last stored alert and is set back to the last delivered one",
			"cursor", key,
			"was", at, "last", last, "set_to", back, errcode.Key, errcode.StorePositionsLost)
		if err := o.saveCursor(ctx, key, back); err != nil {
			return err
		}
		found[key] = back
	}
	return nil
}

// lastStoredBefore returns the number of the last alert stored before a time; 0 for none.
func (o *Outbox) lastStoredBefore(ctx context.Context, at time.Time, last uint64) (uint64, error) {
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

// listCursors reads each cursor by its key: a key-value watch would wait forever at one that the server cannot read.
// Unreadable cursors count as missing.
func (o *Outbox) listCursors(ctx context.Context) (map[string]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	s, err := o.conn.JetStream().Stream(ctx, "KV_"+broker.PositionsBucket)
	if err != nil {
		return nil, fmt.Errorf("cursors of the outbox: %w", err)
	}
	beginning := "$KV." + broker.PositionsBucket + "."
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(beginning+">"))
	if err != nil {
		return nil, fmt.Errorf("cursors of the outbox: %w", err)
	}
	found := map[string]uint64{}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, beginning)
		e, err := o.cursorBucket.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
		case err != nil:
			return nil, fmt.Errorf("cursor %s of the outbox: %w", key, err)
		case key == ledgerKey:
			o.hadLedger = true
		case key == createdKey:
		default:
			n, err := strconv.ParseUint(string(e.Value()), 10, 64)
			if err != nil {
				o.log.Error("a cursor of the outbox is not a number and is ignored", "key", key,
					errcode.Key, errcode.StorePositionsLost)
				continue
			}
			found[key] = n
		}
	}
	return found, nil
}

// listTimeout bounds the reading of all cursors, one per sink and camera.
const listTimeout = 30 * time.Second

// reconcileCursors adopts the cursors of the configured sinks and deletes the others, so that a sink that is
// configured again after a year does not deliver a year's alerts.
func (o *Outbox) reconcileCursors(ctx context.Context, found map[string]uint64, last uint64) error {
	o.savedCursors = map[string]uint64{}
	for _, w := range o.opts.Sinks {
		at, ok := found[w.Name()]
		if !ok {
			at = last
			if err := o.saveCursor(ctx, w.Name(), at); err != nil {
				return err
			}
		}
		o.initialCursors[w.Name()], o.savedCursors[w.Name()] = at, at
	}
	for key, at := range found {
		recorder, camera, both := strings.Cut(key, ".")
		switch _, ours := o.initialCursors[recorder]; {
		case !ours:
			if err := o.cursorBucket.Purge(ctx, key); err != nil {
				return fmt.Errorf("cursors of the outbox: %w", err)
			}
			o.ledger.Forget(key)
		case both && camera != "":
			o.savedCursors[key] = at
		}
	}
	o.ledger.Cursors(maps.Clone(o.savedCursors))
	return nil
}

// cursorOf returns the cursor of a sink and camera. o.mu is held.
func (o *Outbox) cursorOf(recorder, camera string) uint64 {
	for _, cursors := range []map[string]uint64{o.idleCursors, o.savedCursors} {
		if at, ok := cursors[recorder+"."+camera]; ok {
			return at
		}
	}
	return o.initialCursors[recorder]
}

func (o *Outbox) saveCursor(ctx context.Context, key string, at uint64) error {
	o.mu.Lock()
	cursors := o.cursorBucket
	o.mu.Unlock()
	if _, err := cursors.PutString(ctx, key, strconv.FormatUint(at, 10)); err != nil {
		return fmt.Errorf("cursor %s of the outbox: %w", key, err)
	}
	return nil
}

// saveCursors saves changed cursors. Failed saves are repeated later; a crash before that causes repeats, never a loss.
func (o *Outbox) saveCursors(ctx context.Context) {
	o.forgetCursors(ctx)
	o.mu.Lock()
	changed := map[string]uint64{}
	for key, at := range o.idleCursors {
		if was, ok := o.savedCursors[key]; !ok || was != at {
			changed[key] = at
		}
	}
	for recorder, at := range o.initialCursors {
		if _, ok := o.savedCursors[recorder]; !ok {
			changed[recorder] = at
		}
	}
	for _, f := range o.forwarders {
		key := f.key()
		if was, ok := o.savedCursors[key]; !ok || was != f.cursor.Load() {
			changed[key] = f.cursor.Load()
		}
	}
	o.mu.Unlock()
	o.ledger.Cursors(maps.Clone(changed))
	for key, at := range changed {
		if err := o.saveCursor(ctx, key, at); err != nil {
			o.log.Debug("cursor not saved", "error", err)
			return
		}
		o.mu.Lock()
		o.savedCursors[key] = at
		o.mu.Unlock()
	}
}

// forgetCursors deletes the cursors of cameras of which the stream has no message any more.
func (o *Outbox) forgetCursors(ctx context.Context) {
	var old []string
	o.mu.Lock()
	for key, at := range o.idleCursors {
		if at < o.trimmedBelow {
			old = append(old, key)
			delete(o.idleCursors, key)
			delete(o.savedCursors, key)
		}
	}
	o.mu.Unlock()
	o.ledger.Forget(old...)
	for _, key := range old {
		// One that stays is loaded at the next start and does no harm.
		if err := deleteKey(ctx, o.conn.JetStream(), broker.PositionsBucket, key); err != nil {
			o.log.Debug("cursor not deleted", "key", key, "error", err)
		}
	}
}
