package pipeline

import (
	"context"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// mailbox is the border between the cameras and the scorer. It holds at most one pending cuboid for each camera; a
// newer one displaces it, so overload is shed as whole cuboids and never as frames. take serves the cameras in turn,
// so one camera cannot starve another however slow the scorer is.
type mailbox struct {
	mu    sync.Mutex
	slots []slot
	next  int           // the camera that take looks at first
	ready chan struct{} // 1: something may be there to take
	over  bool          // no camera will put anything again
	limit int64         // of the buffers, in bytes; 0 for none
	bytes int64         // that they take
}

type slot struct {
	pending *video.Cuboid
	held    bool            // pending is to be scored and no more
	since   time.Time       // when pending was put
	free    []*video.Cuboid // buffers that go round between the camera and the scorer
	gap     bool            // one that was dropped came after a gap
	buffers int             // that there are
	size    int64           // of one, in bytes
	space   chan struct{}   // 1: pending may have been taken
	skipped uint64

	ending      alerts.EndReason // why the stream ended; taken after what was pending then
	endingFirst bool             // what is pending was put after the stream had ended and begun anew
}

// item is what the scorer takes: a cuboid, or the news that a camera's stream ended.
type item struct {
	camera int
	cuboid *video.Cuboid // nil: the stream ended
	held   bool          // it is to be scored and no more: the calibration does not fit it
	ending alerts.EndReason
	put    time.Time     // when
	waited time.Duration // since then
}

func newMailbox(cameras int) *mailbox {
	m := &mailbox{slots: make([]slot, cameras), ready: make(chan struct{}, 1)}
	for i := range m.slots {
		m.slots[i].space = make(chan struct{}, 1)
	}
	return m
}

// bound limits what the cameras' buffers take; sizes are those of one of each camera.
func (m *mailbox) bound(limit int64, sizes []int64) {
	m.limit = limit
	for i, size := range sizes {
		m.slots[i].size = size
	}
}

// buffer returns a cuboid for the camera to fill. There are at most three for a camera: one being filled, one pending,
// one being scored. Where there is no room for a third it returns nil, but where it must have one it drops the pending
// one, which is counted.
func (m *mailbox) buffer(camera int, must bool) *video.Cuboid {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.slots[camera]
	if n := len(s.free); n > 0 {
		c := s.free[n-1]
		s.free = s.free[:n-1]
		return c
	}
	if s.buffers >= clipsAtLeast && s.pending != nil && m.limit > 0 && m.bytes+s.size > m.limit {
		if !must {
			return nil
		}
		c := s.pending
		s.gap = s.gap || c.Gap
		s.pending, s.endingFirst = nil, false
		s.skipped++
		return c
	}
	s.buffers++
	m.bytes += s.size
	return new(video.Cuboid)
}

// put leaves c for the scorer and never waits: a cuboid that was still pending is dropped and counted. One that is
// held is scored and no more.
func (m *mailbox) put(camera int, c *video.Cuboid, held bool) {
	m.mu.Lock()
	s := &m.slots[camera]
	if s.pending != nil {
		s.skipped++
		// What came after a gap still does when the first cuboid behind it is dropped.
		c.Gap = c.Gap || s.pending.Gap
		s.free = append(s.free, s.pending)
	}
	c.Gap, s.gap = c.Gap || s.gap, false
	s.pending, s.held, s.since = c, held, time.Now()
	s.endingFirst = s.ending != ""
	m.mu.Unlock()
	signal(m.ready)
}

// putWait leaves c for the scorer once the last one has been taken: recordings are scored whole.
func (m *mailbox) putWait(ctx context.Context, camera int, c *video.Cuboid, held bool) error {
	s := &m.slots[camera]
	for {
		m.mu.Lock()
		empty := s.pending == nil
		m.mu.Unlock()
		if empty {
			m.put(camera, c, held)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.space:
		}
	}
}

// end says that the camera's stream is over or broken; the scorer hears of it after the pending cuboid.
func (m *mailbox) end(camera int, reason alerts.EndReason) {
	m.mu.Lock()
	s := &m.slots[camera]
	if s.endingFirst {
		// The scorer is two endings behind: what was put between them would be judged after the second.
		s.skipped++
		s.free = append(s.free, s.pending)
		s.pending, s.endingFirst = nil, false
	}
	s.ending = reason
	m.mu.Unlock()
	signal(m.ready)
}

// close says that no camera will put anything again.
func (m *mailbox) close() {
	m.mu.Lock()
	m.over = true
	m.mu.Unlock()
	signal(m.ready)
}

// take returns the next parcel, the cameras in turn. It waits until there is one; false says that there never will be.
func (m *mailbox) take() (item, bool) {
	for {
		p, ok, over := m.poll()
		if ok || over {
			return p, ok
		}
		<-m.ready
	}
}

func (m *mailbox) poll() (p item, ok, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.slots {
		camera := (m.next + i) % len(m.slots)
		s := &m.slots[camera]
		switch {
		case s.ending != "" && (s.pending == nil || s.endingFirst):
			p := item{camera: camera, ending: s.ending}
			s.ending, s.endingFirst = "", false
			m.next = camera + 1
			return p, true, false
		case s.pending != nil:
			m.next = camera + 1
			return m.claim(camera), true, false
		}
	}
	return item{}, false, m.over
}

// tryTake takes a cuboid of a wanted camera, the cameras in turn, if one waits. What is told of a stream's end stays
// for take.
func (m *mailbox) tryTake(wanted func(camera int) bool) (item, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.slots {
		camera := (m.next + i) % len(m.slots)
		if s := &m.slots[camera]; s.pending != nil && (s.ending == "" || !s.endingFirst) && wanted(camera) {
			m.next = camera + 1
			return m.claim(camera), true
		}
	}
	return item{}, false
}

// claim takes a camera's pending cuboid.
func (m *mailbox) claim(camera int) item {
	s := &m.slots[camera]
	p := item{camera: camera, cuboid: s.pending, held: s.held, put: s.since, waited: time.Since(s.since)}
	s.pending = nil
	signal(s.space)
	return p
}

// release gives a scored cuboid's buffer back to its camera.
func (m *mailbox) release(p item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots[p.camera].free = append(m.slots[p.camera].free, p.cuboid)
}

// skipped returns how many of the camera's cuboids were dropped unscored.
func (m *mailbox) skipped(camera int) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slots[camera].skipped
}

// signal leaves a token in a channel of one, if there is none yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
