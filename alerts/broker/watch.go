package broker

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// watchers end requests that will never be answered: the server says that it refuses a subject, or that it goes, on
// the connection and not as an answer, so that a request alone would wait for its timeout.
type watchers struct {
	mu     sync.Mutex
	next   uint64
	tell   map[uint64]func(error)
	denial string // the last that was reported, since a refused score comes with every clip
}

// Guard returns a context that ends with its cause when the connection breaks, or when the server refuses one of the
// subjects, given by what their names contain: it reports that on the connection only, and leaves the request without
// an answer.
func (c *Conn) Guard(ctx context.Context, subjects ...string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &c.watchers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tell == nil {
		w.tell = map[uint64]func(error){}
	}
	id := w.next
	w.next++
	w.tell[id] = func(err error) {
		if errors.Is(err, nats.ErrPermissionViolation) && !containsAny(err.Error(), subjects) {
			return
		}
		cancel(err)
	}
	return ctx, func() {
		w.mu.Lock()
		delete(w.tell, id)
		w.mu.Unlock()
		cancel(nil)
	}
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

func (w *watchers) all(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, tell := range w.tell {
		tell(err)
	}
}

// lost hears that the connection broke.
func (c *Conn) lost(err error) {
	c.feed.up.Store(false)
	c.watchers.all(ErrDisconnected)
	if err != nil {
		c.onState(StateDisconnected, c.scrub(err))
	}
}

// connected hears that there is a connection.
func (c *Conn) connected(state string) {
	c.feed.up.Store(true)
	c.onState(state, nil)
}

// refused hears what the server says outside any answer.
func (c *Conn) refused(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		c.watchers.all(err)
	}
	w := &c.watchers
	w.mu.Lock()
	again := w.denial == err.Error()
	w.denial = err.Error()
	w.mu.Unlock()
	if !again {
		c.onState(StateRefused, c.scrub(err))
	}
}

// Denied says whether a server refused something to the account that asked.
func Denied(err error) bool { return errors.Is(err, nats.ErrPermissionViolation) }

// reason is why a guarded context ended, or else err itself.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrDisconnected) || errors.Is(cause, nats.ErrPermissionViolation) {
		return cause
	}
	return err
}
