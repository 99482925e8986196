// Package health says whether a running system works: to programs that ask over HTTP, and to systemd.
//
// Alive means that the process does its work: the scheduler moves, and alerts can be stored. Ready means that it does
// what is configured: every camera is watched and every sink can be reached. What is off on purpose, such as a camera
// outside its armed hours, is reported and no reason to be not ready.
package health

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/outbox"
	"vigil/pipeline"
)

const (
	// interval is how often the scheduler is checked.
	interval = 5 * time.Second
	// stuckAfter is how long clips may wait without one being scored before the scheduler counts as stuck. A batch
	// takes seconds at most.
	stuckAfter = time.Minute
	// lateAfter is how old the latest check may be: an older one hangs where it reads the counters.
	lateAfter = stuckAfter
)

// Sources are what is asked. They must not block for long.
type Sources struct {
	Cameras func() []pipeline.Stats
	Outbox  func() outbox.Stats
	// Connected says of each sink with a connection of its own whether it is up.
	Connected func() map[string]bool
	// Config are remarks about the configuration; it may be nil.
	Config func() []Item
}

// Health watches a running system. NewHealth starts it and Close ends it.
type Health struct {
	sources Sources
	notify  func(state string) // sends a message to systemd
	stop    chan struct{}
	work    sync.WaitGroup

	mu      sync.Mutex
	handled uint64    // clips that the scheduler has handled
	moved   time.Time // when that changed last, or no clip waited
	checked time.Time // the latest check
	status  string    // as systemd has it
}

// Check is a part of the system that must work.
type Check struct {
	Name   string `json:"name"` // scheduler or store
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code,omitempty"` // in the catalogue of errors
}

// Item is a camera or a sink that does not do what it is for, or a remark about the configuration.
type Item struct {
	Kind   string     `json:"kind"` // camera, sink or config
	Name   string     `json:"name"`
	State  string     `json:"state"`
	Since  *time.Time `json:"since,omitempty"`
	Detail string     `json:"detail,omitempty"`
	Code   string     `json:"code,omitempty"` // in the catalogue of errors
}

// Alive is the answer of /healthz.
type Alive struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Ready is the answer of /readyz. Reasons are why it is not; Info is off on purpose or passes by
// itself, or a remark about the configuration.
type Ready struct {
	Ready   bool   `json:"ready"`
	Reasons []Item `json:"reasons"`
	Info    []Item `json:"info"`
}

// The values of Item.Kind, and the states of a sink and of the configuration.
const (
	KindCamera = "camera"
	KindSink   = "sink"
	KindConfig = "config"

	ConfigNotInForce   = "not_in_force"
	ConfigNeedsRestart = "needs_restart"
	ConfigUnreadable   = "unreadable" // the cameras that were made at run time could not be read
	ConfigTwice        = "name_twice" // a camera of the file and one made at run time have one name

	SinkDisconnected = "disconnected"
	SinkFailing      = "failing"
)

// intended are the states in which a camera is not watched on purpose, or only for seconds.
var intended = []alerts.State{
	alerts.StateDisarmed, alerts.StateSnoozed, alerts.StateDetectionOff, alerts.StatePaused, alerts.StatePausedOverload,
	alerts.StateEnded, alerts.StateStopped,
}

// check looks whether the scheduler moves.
func (h *Health) check(now time.Time) {
	var handled, pending uint64
	for _, s := range h.sources.Cameras() {
		handled += s.Scored + s.Unscorable + s.Dropped
		pending += s.Pending
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checked = now
	if handled != h.handled || pending == 0 || h.moved.IsZero() {
		h.handled, h.moved = handled, now
	}
}

// schedulerMoves reports whether the scheduler has scored a clip lately, or none waits.
func (h *Health) schedulerMoves(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checked.Sub(h.moved) < stuckAfter && now.Sub(h.checked) < lateAfter
}

// Alive reports whether the process does its work.
func (h *Health) Alive() Alive {
	scheduler := Check{Name: "scheduler", OK: h.schedulerMoves(time.Now())}
	if !scheduler.OK {
		scheduler.Detail = "clips wait, and none was scored for " + stuckAfter.String()
	}
	store, s := Check{Name: "store", OK: true}, h.sources.Outbox()
	if !s.FailingSince.IsZero() {
		store = Check{
			Name: "store", Code: s.FailingCode,
			Detail: "alerts cannot be stored since " + s.FailingSince.UTC().Format(time.RFC3339),
		}
	}
	return Alive{OK: scheduler.OK && store.OK, Checks: []Check{scheduler, store}}
}

// Ready reports whether every camera is watched and every sink can be reached.
func (h *Health) Ready() Ready {
	r := Ready{Reasons: []Item{}, Info: []Item{}}
	for _, s := range h.sources.Cameras() {
		if s.State == alerts.StateLive {
			continue
		}
		item := Item{Kind: KindCamera, Name: s.Camera, State: string(cmp.Or(s.State, alerts.StateConnecting))}
		if !s.Since.IsZero() {
			since := s.Since.UTC()
			item.Since = &since
		}
		if slices.Contains(intended, s.State) {
			r.Info = append(r.Info, item)
		} else {
			r.Reasons = append(r.Reasons, item)
		}
	}
	connected := h.sources.Connected()
	for _, s := range h.sources.Outbox().Sinks {
		item := Item{Kind: KindSink, Name: s.Name}
		if up, has := connected[s.Name]; has && !up {
			item.State = SinkDisconnected
		} else if s.Failing {
			item.State = SinkFailing
		} else {
			continue
		}
		if !s.Oldest.IsZero() {
			since := s.Oldest.UTC()
			item.Since = &since
		}
		r.Reasons = append(r.Reasons, item)
	}
	if h.sources.Config != nil {
		r.Info = append(r.Info, h.sources.Config()...)
	}
	r.Ready = len(r.Reasons) == 0
	return r
}
