package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"vigil/api/access"
)

// eventStream sends events to one client.
type eventStream struct {
	server *server
	sub    *subscription
	w      http.ResponseWriter
	rc     *http.ResponseController
	wrote  time.Time // the latest event or comment
}

func newEventStream(s *server, sub *subscription, w http.ResponseWriter) *eventStream {
	return &eventStream{server: s, sub: sub, w: w, rc: http.NewResponseController(w)}
}

// run sends events until the client has left, may not see them any more or is too slow, or until the Hub is closed.
// It leaves no goroutine.
func (st *eventStream) run(ctx context.Context, after AlertPosition) {
	var work sync.WaitGroup
	defer work.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work.Go(func() { st.interrupt(ctx) })
	// The id alone is no event, but from then on the client asks for what follows it.
	if !st.send(fmt.Appendf(nil, "retry: %d\nid: %s\n\n", streamRetry.Milliseconds(), after)) || !st.sendStates(ctx) {
		return
	}
	stored, failed := make(chan AlertMessage), make(chan struct{})
	if slices.Contains(st.sub.kinds, EventAlert) {
		work.Go(func() {
			defer close(failed)
			_ = st.server.FollowAlerts(ctx, after, func(m AlertMessage) error {
				select {
				case stored <- m:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	}
	st.forward(ctx, stored, failed)
}

// forward sends what comes.
func (st *eventStream) forward(ctx context.Context, stored <-chan AlertMessage, failed <-chan struct{}) {
	hub := st.server.Hub()
	check := time.NewTicker(hub.check)
	defer check.Stop()
	skipped := "" // the position of the latest alert that the stream does not show, if it is behind all that it shows
	for ok := true; ok; {
		select {
		case <-ctx.Done():
			return
		case <-st.sub.end:
			return
		case <-failed: // the store is closed
			return
		case e := <-st.sub.queue:
			ok = st.send(st.queued(e))
		case m := <-stored:
			if st.sub.sees(m.Camera) {
				ok = access.StillAllowed(ctx) && st.send(encodeEvent(EventAlert, m.Position.String(), m.Data))
				skipped = ""
			} else {
				skipped = m.Position.String()
			}
		case <-check.C:
			if ok = access.StillAllowed(ctx); ok && time.Since(st.wrote) >= hub.heartbeat {
				ok = st.send([]byte(":\n\n"))
				if ok && skipped != "" { // so that a client that comes back need not pass by those again
					ok = st.send([]byte("id: " + skipped + "\n\n"))
					skipped = ""
				}
			}
		}
	}
}

// queued returns an event and those that wait behind it, to be sent at once.
func (st *eventStream) queued(e *event) []byte {
	var b bytes.Buffer
	for {
		b.Write(e.encoded())
		select {
		case e = <-st.sub.queue:
		default:
			return b.Bytes()
		}
	}
}

// sendStates sends the present state of each camera. The queue may have the same ones again.
func (st *eventStream) sendStates(ctx context.Context) bool {
	if !slices.Contains(st.sub.kinds, EventState) {
		return true
	}
	var b bytes.Buffer
	for _, state := range st.server.States(ctx) {
		state.Detail = withoutPaths(state.Detail)
		if st.sub.sees(state.Camera) {
			b.Write(encodeEvent(EventState, "", state))
		}
	}
	return st.send(b.Bytes())
}

// send writes text; false if the stream is over. The server's own deadline is for a whole answer.
func (st *eventStream) send(text []byte) bool {
	began := time.Now()
	if err := st.rc.SetWriteDeadline(began.Add(eventTimeout)); err != nil || st.sub.ended() {
		return false
	}
	_, err := st.w.Write(text)
	if err == nil {
		err = st.rc.Flush()
	}
	// With HTTP/2 the error does not tell.
	if errors.Is(err, os.ErrDeadlineExceeded) || err != nil && time.Since(began) >= eventTimeout {
		st.server.Hub().tooSlow(st.sub)
	}
	st.wrote = time.Now()
	return err == nil
}

// interrupt makes a write that waits for the client return when the Hub ends the stream.
func (st *eventStream) interrupt(ctx context.Context) {
	select {
	case <-st.sub.end:
		_ = st.rc.SetWriteDeadline(time.Now())
	case <-ctx.Done():
	}
}
