package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// mailbox connects the readers to the scheduler. It holds at most one pending cuboid for each camera; a newer one
// replaces it, so overload is shed as whole cuboids and never as frames. take serves the cameras in turn, so one camera
// cannot starve another however slow the scorer is. Cameras join and leave while it is used.
type mailbox struct {
	mu     sync.Mutex
	slots  []*slot       // in the order in which they joined
	next   int           // index in slots that take checks first
	ready  chan struct{} // capacity 1: there may be an item to take
	closed bool          // closed: no camera will put anything again
	limit  int64         // of the buffers, in bytes; 0 for none
	bytes  int64         // used by the buffers
}

// slot is a camera's place in the mailbox. Its items carry it, so it leads to the camera's state.
type slot struct {
	camera  *cameraState
	pending *video.Cuboid
	held    bool            // pending is scored but raises no event
	since   time.Time       // when pending was put
	free    []*video.Cuboid // buffers that circulate between the reader and the scheduler
	gap     bool            // a skipped cuboid followed a gap
	buffers int             // allocated
	size    int64           // of one buffer, in bytes
	space   chan struct{}   // capacity 1: pending may have been taken
	skipped uint64          // cuboids displaced by newer ones: clips_skipped
	starved uint64          // those of them whose memory was needed

	ending      alerts.EndReason // end of the stream; taken after the cuboid that was pending then
	endingFirst bool             // pending was put after the stream had ended and restarted

	changes []slotChange // of the camera, the oldest first
}

// slotChange is a change, with whether it came after the slot's ending and after its pending cuboid.
type slotChange struct {
	change
	afterEnding, afterPending bool
}

// change is one of: the camera's trust has changed, its settings have, or it leaves.
type change struct {
	trust  *trustChange
	update *update
	left   chan<- struct{} // closed once the scheduler has done with the camera
}

// changeDue reports whether the oldest change is the next item of the slot.
func (s *slot) changeDue() bool {
	return len(s.changes) > 0 && (s.ending == "" || !s.changes[0].afterEnding) && !s.changes[0].afterPending
}

// pendingGone records that the pending cuboid was taken or replaced.
func (s *slot) pendingGone() {
	for i := range s.changes {
		s.changes[i].afterPending = false
	}
}

// item is a cuboid, a change of the camera, or the end of its stream.
type item struct {
	slot    *slot
	cuboid  *video.Cuboid // nil: the stream ended, or a change
	change  change        // zero: the stream ended, or a cuboid
	changed bool          // it is a change
	held    bool          // the cuboid is scored but raises no event: the calibration does not fit it
	ending  alerts.EndReason
	put     time.Time     // time of put
	waited  time.Duration // since put
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// setLimit limits the total size of the buffers. A smaller limit applies to what is allocated from then on.
func (m *mailbox) setLimit(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
}

// newSlot returns a slot whose buffers have so many bytes each.
func newSlot(size int64) *slot { return &slot{size: size, space: make(chan struct{}, 1)} }

// join adds a slot.
func (m *mailbox) join(s *slot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slots = append(m.slots, s)
}

// leave removes a slot that nothing is put into any more. The turn of the others stays.
func (m *mailbox) leave(s *slot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.slots, s)
	if i < 0 {
		return
	}
	m.slots = slices.Delete(m.slots, i, i+1)
	if m.next > i {
		m.next--
	}
	m.bytes -= int64(s.buffers) * s.size
}

// buffer returns a cuboid for the camera to fill. A camera has at most three: one being filled, one pending, one being
// scored. If there is no memory for a third it returns nil, or with must it takes that of the pending
// one, which is counted as skipped.
func (m *mailbox) buffer(s *slot, must bool) *video.Cuboid {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(s.free); n > 0 {
		c := s.free[n-1]
		s.free = s.free[:n-1]
		return c
	}
	if s.buffers >= minBuffers && s.pending != nil && m.limit > 0 && m.bytes+s.size > m.limit {
		if !must {
			return nil
		}
		c := s.pending
		s.gap = s.gap || c.Gap
		s.pending, s.endingFirst = nil, false
		s.skipped++
		s.starved++
		s.pendingGone()
		return c
	}
	s.buffers++
	m.bytes += s.size
	return new(video.Cuboid)
}

// put replaces the camera's pending cuboid with c and never blocks: a cuboid that was still pending is counted as
// skipped. With held, c is scored but raises no event.
func (m *mailbox) put(s *slot, c *video.Cuboid, held bool) {
	m.mu.Lock()
	if s.pending != nil {
		s.skipped++
		s.pendingGone()
		// If the first cuboid after a gap is skipped, the next one follows the gap.
		c.Gap = c.Gap || s.pending.Gap
		s.free = append(s.free, s.pending)
	}
	c.Gap, s.gap = c.Gap || s.gap, false
	s.pending, s.held, s.since = c, held, time.Now()
	s.endingFirst = s.ending != ""
	m.mu.Unlock()
	signal(m.ready)
}

// putWait puts c once the last cuboid was taken, so that recordings are scored completely.
func (m *mailbox) putWait(ctx context.Context, s *slot, c *video.Cuboid, held bool) error {
	for {
		m.mu.Lock()
		empty := s.pending == nil
		m.mu.Unlock()
		if empty {
			m.put(s, c, held)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.space:
		}
	}
}

// end reports that the camera's stream has ended or failed; the scheduler takes that after the pending cuboid.
func (m *mailbox) end(s *slot, reason alerts.EndReason) {
	m.mu.Lock()
	if s.endingFirst {
		// Two ends are queued: a cuboid between them would be processed after the second.
		s.skipped++
		s.free = append(s.free, s.pending)
		s.pending, s.endingFirst = nil, false
		s.pendingGone()
	}
	if s.ending != "" {
		for i := range s.changes {
			s.changes[i].afterEnding = false // the first end is replaced
		}
	}
	s.ending = reason
	m.mu.Unlock()
	signal(m.ready)
}

// control reports a change of the camera; the scheduler takes it after what was put before.
func (m *mailbox) control(s *slot, c change) {
	m.mu.Lock()
	s.changes = append(s.changes, slotChange{c, s.ending != "", s.pending != nil})
	m.mu.Unlock()
	signal(m.ready)
}

// close reports that no camera will put anything again.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	signal(m.ready)
}

// take returns the next item, the cameras in turn. It blocks until there is one; false means that the mailbox is closed
// and empty.
func (m *mailbox) take() (item, bool) {
	for {
		p, ok, closed := m.poll()
		if ok || closed {
			return p, ok
		}
		<-m.ready
	}
}

func (m *mailbox) poll() (p item, ok, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.slots {
		at := (m.next + i) % len(m.slots)
		s := m.slots[at]
		switch {
		case s.changeDue():
			p := item{slot: s, change: s.changes[0].change, changed: true}
			s.changes = s.changes[1:]
			m.next = at + 1
			return p, true, false
		case s.ending != "" && (s.pending == nil || s.endingFirst):
			p := item{slot: s, ending: s.ending}
			s.ending, s.endingFirst = "", false
			m.next = at + 1
			return p, true, false
		case s.pending != nil:
			m.next = at + 1
			return m.claim(s), true, false
		}
	}
	return item{}, false, m.closed
}

// tryTake takes a pending cuboid of a camera that shares a batch's scorer and is not in it, the cameras in turn,
// without blocking. Ends of streams are left for take.
func (m *mailbox) tryTake(batch []item) (item, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.slots {
		at := (m.next + i) % len(m.slots)
		if s := m.slots[at]; s.pending != nil && (s.ending == "" || !s.endingFirst) && !s.changeDue() &&
			s.camera.scorer == batch[0].slot.camera.scorer && !contains(batch, s) {
			m.next = at + 1
			return m.claim(s), true
		}
	}
	return item{}, false
}

// contains reports whether a batch has a cuboid of the slot.
func contains(batch []item, s *slot) bool {
	for i := range batch {
		if batch[i].slot == s {
			return true
		}
	}
	return false
}

// claim takes a camera's pending cuboid.
func (m *mailbox) claim(s *slot) item {
	p := item{slot: s, cuboid: s.pending, held: s.held, put: s.since, waited: time.Since(s.since)}
	s.pending = nil
	s.pendingGone()
	signal(s.space)
	return p
}

// release returns a scored cuboid's buffer to its camera.
func (m *mailbox) release(p item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.slot.free = append(p.slot.free, p.cuboid)
}

// skipped returns how many of the camera's cuboids were displaced before they were scored (Stats.Skipped). What a stop
// or an error discards is counted as dropped, by its caller.
func (m *mailbox) skipped(s *slot) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return s.skipped
}

// starved returns how many of the skipped cuboids were displaced because their memory was needed.
func (m *mailbox) starved(s *slot) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return s.starved
}

// age returns how long the camera's pending cuboid has waited; 0 for none.
func (m *mailbox) age(s *slot) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.pending == nil {
		return 0
	}
	return time.Since(s.since)
}

// signal puts a token into a channel of capacity 1, if it is empty.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
