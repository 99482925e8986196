package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"vigil/internal/retry"
)

// Ledger stores a State on the disk, in a file next to the streams. Its methods do not block on the disk: changes are
// written soon after, in batches, and synced. They may be called concurrently.
type Ledger struct {
	dir string
	// Lazy leaves syncing to the system.
	lazy bool

	mu      sync.Mutex
	state   *State
	pending []byte
	rewrite bool // the file must be rewritten
	verify  bool // check whether the file still exists
	lastErr error
	waiters []chan<- error // each receives the result of the next write

	signal chan struct{} // capacity 1: there are unwritten changes
	stop   context.CancelFunc
	done   chan struct{}

	file *os.File // used by the writer only, as is size
	size int
}

const (
	// batchInterval is how long changes are collected after a write.
	batchInterval = 25 * time.Millisecond
	// firstRetry is the pause after a write that failed; it doubles up to maxRetry.
	firstRetry = 100 * time.Millisecond
	maxRetry   = time.Second
	// rewriteAt is the size at which the file is rewritten.
	rewriteAt = 1 << 20
)

// NewLedger starts a ledger with a state, nil for an empty one.
func NewLedger(dir string, s *State, lazy bool) *Ledger {
	if s == nil {
		s = newState()
	}
	s = s.clone() // the caller's copy stays unchanged
	ctx, stop := context.WithCancel(context.Background())
	l := &Ledger{
		dir: dir, lazy: lazy, state: s, rewrite: true, signal: make(chan struct{}, 1), stop: stop,
		done: make(chan struct{}),
	}
	l.signal <- struct{}{}
	go l.run(ctx)
	return l
}

// State returns a copy of the current state.
func (l *Ledger) State() *State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.clone()
}

// Stored records a message that was acknowledged.
func (l *Ledger) Stored(number uint64, alert string, seq int, ended bool, data []byte) {
	e := entry{Stored: number, Alert: alert, Seq: seq, Ended: ended}
	if !ended {
		e.Data = json.RawMessage(data)
	}
	l.append(e)
}

// Reclaimed records that messages below first are deleted.
func (l *Ledger) Reclaimed(first uint64) { l.append(entry{First: first}) }

// Lost records numbers that are missing and were reported.
func (l *Ledger) Lost(numbers Ranges) {
	if len(numbers) > 0 {
		l.append(entry{Holes: numbers})
	}
}

// Ended records that an event needs no end any more.
func (l *Ledger) Ended(alert string) { l.append(entry{Alert: alert, Ended: true}) }

// Found records numbers that the stream has.
func (l *Ledger) Found(numbers Ranges) {
	if len(numbers) > 0 {
		l.append(entry{Present: numbers})
	}
}

// Cursors records how far alerts were delivered.
func (l *Ledger) Cursors(at map[string]uint64) {
	if len(at) > 0 {
		l.append(entry{Cursors: at})
	}
}

// Forget deletes cursors.
func (l *Ledger) Forget(keys ...string) {
	if len(keys) > 0 {
		l.append(entry{Forget: keys})
	}
}

// Streams records which streams exist, with their configurations and last numbers.
func (l *Ledger) Streams(s map[string]Stream) {
	if len(s) > 0 {
		l.append(entry{Streams: s})
	}
}

// Verify rewrites the whole file if it was deleted with its directory.
func (l *Ledger) Verify() {
	l.mu.Lock()
	l.verify = true
	l.mu.Unlock()
	l.wake()
}

// Flush waits until earlier changes are written, and returns the error if they could not be.
func (l *Ledger) Flush(ctx context.Context) error {
	result := make(chan error, 1)
	l.mu.Lock()
	l.waiters = append(l.waiters, result)
	l.mu.Unlock()
	l.wake()
	select {
	case err := <-result:
		return err
	case <-l.done:
		return l.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Err returns the error of the last write, or nil.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastErr
}

func (l *Ledger) append(e entry) {
	text, err := encodeEntry(e)
	l.mu.Lock()
	l.state.apply(e)
	if err != nil || len(l.pending) > rewriteAt {
		l.rewrite = true
	} else {
		l.pending = append(l.pending, text...)
	}
	l.mu.Unlock()
	l.wake()
}

func (l *Ledger) wake() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// Close writes pending changes and closes the file.
func (l *Ledger) Close() error {
	l.stop()
	<-l.done
	return l.Err()
}

func (l *Ledger) run(ctx context.Context) {
	defer close(l.done)
	for wait := (retry.Backoff{First: firstRetry, Max: maxRetry}); ctx.Err() == nil; {
		select {
		case <-l.signal:
		case <-ctx.Done():
			continue
		}
		pause := batchInterval
		if l.flushOnce() {
			wait.Reset()
		} else {
			l.wake()
			pause = wait.Next()
		}
		retry.Sleep(ctx, pause)
	}
	l.flushOnce()
	if l.file != nil {
		_ = l.file.Close() // everything in it is synced
	}
}

// flushOnce writes and sends the result to the waiters.
func (l *Ledger) flushOnce() bool {
	l.mu.Lock()
	waiting := l.waiters
	l.waiters = nil
	l.mu.Unlock()
	err := l.write()
	for _, w := range waiting {
		w <- err // each has a buffer of one
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastErr = err
	l.rewrite = l.rewrite || err != nil
	return err == nil
}

// write appends pending changes, or rewrites the file if needed.
func (l *Ledger) write() error {
	l.mu.Lock()
	text, renew := l.pending, l.rewrite || l.file == nil || l.size > rewriteAt || l.verify && l.isReplaced()
	l.pending, l.verify = nil, false
	if renew {
		var err error
		l.rewrite = false
		if text, err = encodeEntry(entry{Version: ledgerVersion, State: l.state}); err != nil {
			l.mu.Unlock()
			return err
		}
	}
	l.mu.Unlock()
	switch {
	case renew:
		return l.rewriteFile(text)
	case len(text) == 0:
		return nil
	}
	n, err := l.file.Write(text)
	l.size += n
	if err == nil && !l.lazy {
		err = l.file.Sync()
	}
	return err
}

// isReplaced reports whether the open file is no longer the one at its path.
func (l *Ledger) isReplaced() bool {
	ours, err := l.file.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(LedgerFile(l.dir))
	return err != nil || !os.SameFile(ours, there)
}

// rewriteFile writes the file again and continues appending to it.
func (l *Ledger) rewriteFile(text []byte) error {
	if l.file != nil {
		_ = l.file.Close() // it is replaced
		l.file = nil
	}
	if err := writeFile(LedgerFile(l.dir), text); err != nil {
		return err
	}
	f, err := os.OpenFile(LedgerFile(l.dir), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return errors.Join(err)
	}
	l.file, l.size = f, len(text)
	return nil
}
