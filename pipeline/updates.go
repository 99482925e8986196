package pipeline

import (
	"time"

	"vigil/alerts"
)

// pictureTime is how long a raised peak waits for its pictures, so that both are one update.
const pictureTime = 2 * time.Second

// updates are what is to be said of an event that goes on: a peak that rose, evidence, or both at once, at most one in
// every. The start and the end never wait for them, and the end holds what is dropped there.
type updates struct {
	started  bool // its start is stored
	every    time.Duration
	latest   time.Time // when the last update was said; zero for never
	update   *word     // what is to be said
	updating *time.Timer
}

// raised takes a word of a peak that rose in place of what was to be said.
func (s *story) raised(w word) { s.update = &w }

// found has evidence said, with the peak that waits for it.
func (s *story) found() {
	if s.update == nil {
		a := s.last
		a.Phase, a.Latency = alerts.PhaseUpdate, nil
		s.update = &word{alert: a}
	}
}

// drop says nothing more of an event that is about to end.
func (s *story) drop() {
	s.update = nil
	if s.updating != nil {
		s.updating.Stop()
	}
}

// plan says the update when it is due: at once, or when the last one is long enough ago; one that waits for pictures a
// little later.
func (p *publisher) plan(s *story, pictures bool) {
	now := time.Now()
	due := now
	if !s.latest.IsZero() && s.latest.Add(s.every).After(due) {
		due = s.latest.Add(s.every)
	}
	if wait := now.Add(min(pictureTime, s.every)); pictures && wait.After(due) {
		due = wait
	}
	if s.updating != nil {
		s.updating.Stop()
	}
	if !due.After(now) {
		p.sayUpdate(s)
		return
	}
	s.updating = time.AfterFunc(due.Sub(now), func() {
		select {
		case p.due <- s:
		case <-p.deadline.Done():
		}
	})
}

// sayUpdate publishes what is to be said.
func (p *publisher) sayUpdate(s *story) {
	if s.update == nil || s.ending != nil {
		return
	}
	w := *s.update
	s.update, s.latest = nil, time.Now()
	p.publish(s, w)
}
