package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vigil/alerts"
)

const (
	// maxStreams bounds the streams in all, each of which is a connection, two or three goroutines and a queue.
	maxStreams = 64
	// maxStreamsOfLogin is what one login may have of them, or one address without a login: a few screens.
	maxStreamsOfLogin = 8
	// streamQueue is how many scores and states may wait for a stream: some seconds of 64 cameras. Alerts wait in the
	// store.
	streamQueue = 512
	// checkEvery is how often a stream asks whether its login is still valid, and heartbeatEvery after how long without
	// an event it sends a comment, by which a connection that is gone is noticed on both sides.
	checkEvery     = 5 * time.Second
	heartbeatEvery = 15 * time.Second
	// eventTimeout is how long a client may take for an event before it is dropped as too slow.
	eventTimeout = 10 * time.Second
)

// EventKind is what an event of a stream is about.
type EventKind string

// The kinds of events.
const (
	EventScore EventKind = "score"
	EventState EventKind = "state"
	EventAlert EventKind = "alert"
)

// ScoreEvent is the measurement of one clip. It is not stored.
type ScoreEvent struct {
	// Camera is the camera's name.
	Camera string `json:"camera"`
	// Time is when the frame arrived.
	Time time.Time `json:"time"`
	// Frame is the number of the frame that the clip scores.
	Frame uint64 `json:"frame"`
	// Error is the raw error, in the unit that the weights name.
	Error float64 `json:"error"`
	// Regularity is 1 for what is normal and 0.5 at the threshold; absent without a calibration that fits.
	Regularity *float64 `json:"regularity,omitempty"`
	// Cause is the measure that error, regularity and threshold are of.
	Cause string `json:"cause,omitempty"`
	// Threshold is the error at regularity 0.5; absent with regularity.
	Threshold *float64 `json:"threshold,omitempty"`
	// Motion is the clip by the measure motion.
	Motion *alerts.Reading `json:"motion,omitempty"`
	// Appearance is the clip by the measure appearance.
	Appearance *alerts.Reading `json:"appearance,omitempty"`
}

// StateEvent is the state of a camera.
type StateEvent struct {
	// Camera is the camera's name.
	Camera string `json:"camera"`
	// State is what the camera is doing.
	State alerts.State `json:"state"`
	// Since is when that began; absent if it is not known yet.
	Since *time.Time `json:"since,omitempty"`
	// Detail says why.
	Detail string `json:"detail,omitempty"`
	// Code is that of Detail in the catalogue of errors.
	Code string `json:"code,omitempty"`
}

// The errors of subscribe.
var (
	errManyStreams = errors.New("there are as many streams as vigil serves")
	errManyOfLogin = fmt.Errorf("this login or address has %d streams already, which is the limit",
		maxStreamsOfLogin)
	errStreamsStopping = errors.New("vigil stops")
)

// Hub passes scores and states on to the streams, whose number it limits. Publishing never waits for a stream, and
// allocates nothing while no stream wants what is published: a stream whose queue is full is ended and counted.
type Hub struct {
	check, heartbeat time.Duration

	listeners        [2]atomic.Int32 // streams that want scores, and states
	dropped, refused atomic.Uint64

	mu      sync.Mutex
	closed  bool
	streams map[*subscription]struct{}
	logins  map[string]int // streams of each
}

// NewHub returns a Hub without streams.
func NewHub() *Hub {
	return &Hub{
		check: checkEvery, heartbeat: heartbeatEvery, streams: map[*subscription]struct{}{}, logins: map[string]int{},
	}
}

// HubStats are counts of a Hub.
type HubStats struct {
	Open             int    // now
	Dropped, Refused uint64 // streams that were too slow, and those beyond the limits
}

// Stats returns the counts.
func (h *Hub) Stats() HubStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HubStats{len(h.streams), h.dropped.Load(), h.refused.Load()}
}

// WantsScores reports whether a stream wants scores.
func (h *Hub) WantsScores() bool { return h.listeners[0].Load() > 0 }

// PublishScore passes a score on to the streams that want it.
func (h *Hub) PublishScore(e ScoreEvent) {
	if h.WantsScores() {
		h.publish(&event{kind: EventScore, camera: e.Camera, data: e})
	}
}

// PublishState passes a camera's state on to the streams that want it.
func (h *Hub) PublishState(e StateEvent) {
	if h.listeners[1].Load() > 0 {
		e.Detail = withoutPaths(e.Detail) // who may only view gets it, too
		h.publish(&event{kind: EventState, camera: e.Camera, data: e})
	}
}

func (h *Hub) publish(e *event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams {
		if s.ended() || !s.wants(e.kind, e.camera) {
			continue
		}
		select {
		case s.queue <- e:
		default:
			h.drop(s)
		}
	}
}

// drop ends a stream that is too slow. h.mu is held.
func (h *Hub) drop(s *subscription) {
	if !s.ended() {
		close(s.end)
		h.dropped.Add(1)
	}
}

// tooSlow is drop for the stream itself.
func (h *Hub) tooSlow(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}

// Close ends all streams at once, and refuses others.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.streams {
		if !s.ended() {
			close(s.end)
		}
	}
}

// subscription is a stream's share of the Hub.
type subscription struct {
	hub   *Hub
	login string
	kinds []EventKind
	sees  func(camera string) bool // called by who publishes
	queue chan *event
	end   chan struct{} // closed by the Hub, with hub.mu held
}

// subscribe adds a stream of a login, unless there are too many.
func (h *Hub) subscribe(login string, kinds []EventKind, sees func(camera string) bool) (*subscription, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := error(nil)
	switch {
	case h.closed:
		return nil, errStreamsStopping
	case h.logins[login] >= maxStreamsOfLogin:
		err = errManyOfLogin
	case len(h.streams) >= maxStreams:
		err = errManyStreams
	}
	if err != nil {
		h.refused.Add(1)
		return nil, err
	}
	s := &subscription{h, login, kinds, sees, make(chan *event, streamQueue), make(chan struct{})}
	h.streams[s] = struct{}{}
	h.logins[login]++
	s.count(1)
	return s, nil
}

// close removes the stream from the Hub.
func (s *subscription) close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	if h.logins[s.login]--; h.logins[s.login] == 0 {
		delete(h.logins, s.login)
	}
	s.count(-1)
}

func (s *subscription) count(by int32) {
	for _, k := range s.kinds {
		switch k {
		case EventScore:
			s.hub.listeners[0].Add(by)
		case EventState:
			s.hub.listeners[1].Add(by)
		case EventAlert: // read from the store
		}
	}
}

func (s *subscription) wants(kind EventKind, camera string) bool {
	return slices.Contains(s.kinds, kind) && s.sees(camera)
}

// ended reports whether the Hub has ended the stream.
func (s *subscription) ended() bool {
	select {
	case <-s.end:
		return true
	default:
		return false
	}
}

// event is a score or a state on its way to the streams, which share its text.
type event struct {
	kind   EventKind
	camera string
	data   any

	once sync.Once
	text []byte
}

// encoded returns the event as it is sent; nil if it cannot be encoded, as a number that is not finite.
func (e *event) encoded() []byte {
	e.once.Do(func() { e.text = encodeEvent(e.kind, "", e.data) })
	return e.text
}

// encodeEvent writes an event of a stream. JSON has no line breaks.
func encodeEvent(kind EventKind, id string, data any) []byte {
	text, err := json.Marshal(data)
	if err != nil {
		return nil
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	return fmt.Appendf(nil, "event: %s\n%sdata: %s\n\n", kind, id, text)
}
