package thread

import (
	"time"

	"vigil/alerts"
)

// pictureTime is how long a raised peak waits for its pictures, so that both are one update.
const pictureTime = 2 * time.Second

// pendingUpdate are what is to be said of an event that goes on: a peak that rose, evidence, or both at once, at most
// one in every. The start and the end never wait for them, and the end holds what is dropped there.
type pendingUpdate struct {
	started     bool // its start is stored
	every       time.Duration
	lastUpdate  time.Time // when the last update was said; zero for never
	update      *Message  // what is to be said
	updateTimer *time.Timer
}

// setUpdate takes a word of a peak that rose in place of what was to be said.
func (s *eventThread) setUpdate(w Message) { s.update = &w }

// addEvidenceUpdate has evidence said, with the peak that waits for it.
func (s *eventThread) addEvidenceUpdate() {
	if s.update == nil {
		a := s.last
		a.Phase, a.Latency = alerts.PhaseUpdate, nil
		s.update = &Message{Alert: a}
	}
}

// dropUpdate says nothing more of an event that is about to end.
func (s *eventThread) dropUpdate() {
	s.update = nil
	if s.updateTimer != nil {
		s.updateTimer.Stop()
	}
}

// scheduleUpdate says the update when it is due: at once, or when the last one is long enough ago; one that waits for
// pictures a little later.
func (p *Queue) scheduleUpdate(s *eventThread, pictures bool) {
	now := time.Now()
	due := now
	if !s.lastUpdate.IsZero() && s.lastUpdate.Add(s.every).After(due) {
		due = s.lastUpdate.Add(s.every)
	}
	if wait := now.Add(min(pictureTime, s.every)); pictures && wait.After(due) {
		due = wait
	}
	if s.updateTimer != nil {
		s.updateTimer.Stop()
	}
	if !due.After(now) {
		p.publishUpdate(s)
		return
	}
	s.updateTimer = time.AfterFunc(due.Sub(now), func() {
		select {
		case p.updateDue <- s:
		case <-p.deadline.Done():
		}
	})
}

// publishUpdate publishes what is to be said.
func (p *Queue) publishUpdate(s *eventThread) {
	if s.update == nil || s.heldEnd != nil {
		return
	}
	w := *s.update
	s.update, s.lastUpdate = nil, time.Now()
	p.publish(s, w)
}
