package broker

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
)

// requestGuards cancel requests that will never be answered: the server reports a refused subject, or its shutdown, on
// the connection and not as a reply, so the request would wait for its timeout.
type requestGuards struct {
	mu         sync.Mutex
	next       uint64
	cancels    map[uint64]func(error)
	lastDenial string // last one reported, since a refused score repeats with every clip
}

// WithConnErrors returns a context that is cancelled with its cause when the connection breaks, or when the server
// refuses a subject whose name contains one of subjects: it reports that only on the connection and leaves the request
// without a reply.
func (c *Conn) WithConnErrors(ctx context.Context, subjects ...string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &c.guards
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancels == nil {
		w.cancels = map[uint64]func(error){}
	}
	id := w.next
	w.next++
	w.cancels[id] = func(err error) {
		if errors.Is(err, nats.ErrPermissionViolation) && !containsAny(err.Error(), subjects) {
			return
		}
		cancel(err)
	}
	return ctx, func() {
		w.mu.Lock()
		delete(w.cancels, id)
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

func (w *requestGuards) cancelAll(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cancelWith := range w.cancels {
		cancelWith(err)
	}
}

// onDisconnect is called when the connection breaks.
func (c *Conn) onDisconnect(err error) {
	c.queue.connected.Store(false)
	c.guards.cancelAll(ErrDisconnected)
	if err != nil {
		c.onState(StateDisconnected, c.scrub(err))
	}
}

// onConnect is called when the connection is made.
func (c *Conn) onConnect(state string) {
	c.queue.connected.Store(true)
	c.onState(state, nil)
}

// onServerError is called with errors that the server reports outside replies.
func (c *Conn) onServerError(err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		c.guards.cancelAll(err)
	}
	w := &c.guards
	w.mu.Lock()
	again := w.lastDenial == err.Error()
	w.lastDenial = err.Error()
	w.mu.Unlock()
	if !again {
		c.onState(StateRefused, c.scrub(err))
	}
}

// Denied reports whether the server refused something for lack of permission.
func Denied(err error) bool { return errors.Is(err, nats.ErrPermissionViolation) }

// guardCause returns the reason why a guarded context ended, or else err itself.
func guardCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrDisconnected) || errors.Is(cause, nats.ErrPermissionViolation) {
		return cause
	}
	return err
}
