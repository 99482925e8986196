package pipeline

import (
	"log/slog"
	"maps"
	"sync"
	"time"

	"vigil/alerts"
)

// health is the state that a camera is in, why, and since when. A change is published, counted and logged once; a state that
// comes again for the same reason while a source is tried over and over is only counted.
type health struct {
	camera  string
	log     *slog.Logger
	publish *publisher

	mu     sync.Mutex
	state  alerts.State
	since  time.Time
	counts map[alerts.State]uint64
	told   string // the failure that was logged last, until the camera is live again
	tries  int    // failures since the camera was live
	down   time.Time
}

// set enters a state. The reason is shown to people, so it holds no credentials.
func (h *health) set(state alerts.State, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state == h.state && state != alerts.StateFailing {
		return
	}
	now := time.Now()
	before, since := h.state, h.since
	if h.counts == nil {
		h.counts = map[alerts.State]uint64{}
	}
	h.state, h.since = state, now
	h.counts[state]++
	h.publish.state(alerts.Status{Camera: h.camera, State: state, Wall: now, Detail: why, Count: h.counts[state]})
	switch state {
	case alerts.StateLive:
		if h.tries > 0 {
			h.log.Info("camera is live again", "after", now.Sub(h.down).Round(time.Millisecond), "failures", h.tries)
		} else if before == alerts.StateStalled || before == alerts.StateFrozen {
			h.log.Info("camera is live again", "was", before, "after", now.Sub(since).Round(time.Millisecond))
		}
		h.told, h.tries = "", 0
	case alerts.StateFailing:
		if h.tries == 0 {
			h.down = now
		}
		h.tries++
		if h.told == why {
			h.log.Debug("camera fails", "error", why, "failures", h.tries)
			return
		}
		h.told = why
		h.log.Warn("camera fails, it is opened again and again", "error", why, "failures", h.tries)
	case alerts.StateStalled, alerts.StateFrozen:
		h.log.Warn("camera gives no new picture", "state", state, "detail", why)
	}
}

// is reports whether the camera is in a state.
func (h *health) is(state alerts.State) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == state
}

// snapshot gives the state, since when, and how often each one was entered.
func (h *health) snapshot() (state alerts.State, since time.Time, counts map[alerts.State]uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts = make(map[alerts.State]uint64, len(h.counts))
	maps.Copy(counts, h.counts)
	return h.state, h.since, counts
}
