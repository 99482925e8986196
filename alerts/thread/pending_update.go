package thread

import (
	"time"

	"vigil/alerts"
)

// pictureTime is how long a raised peak waits for its pictures, so that both are one update.
const pictureTime = 2 * time.Second

// pendingUpdate is the next update of an open event: a raised peak, new evidence, or both, at most one per interval.
// The start and the end are not delayed by it, and the end contains what is dropped.
type pendingUpdate struct {
	started     bool // its start is stored
	every       time.Duration
	lastUpdate  time.Time // time of the last update; zero for none
	update      *Message  // the next update
	updateTimer *time.Timer
}

// setUpdate replaces the pending update by a raised peak.
func (s *eventThread) setUpdate(m Message) { s.update = &m }

// addEvidenceUpdate makes evidence part of the pending update, or a new one.
func (s *eventThread) addEvidenceUpdate() {
	if s.update == nil {
		a := s.last
		a.Phase, a.Latency = alerts.PhaseUpdate, nil
		s.update = &Message{Alert: a}
	}
}

// dropUpdate drops the pending update of an event that is about to end.
func (s *eventThread) dropUpdate() {
	s.update = nil
	if s.updateTimer != nil {
		s.updateTimer.Stop()
	}
}

// scheduleUpdate publishes the update when it is due: at once, or when the interval since the last one has passed; one
// that waits for pictures a little later.
func (q *Queue) scheduleUpdate(s *eventThread, pictures bool) {
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
		q.publishUpdate(s)
		return
	}
	s.updateTimer = time.AfterFunc(due.Sub(now), func() {
		select {
		case q.updateDue <- s:
		case <-q.over:
		}
	})
}

// publishUpdate publishes the pending update.
func (q *Queue) publishUpdate(s *eventThread) {
	if s.update == nil || s.heldEnd != nil {
		return
	}
	m := *s.update
	s.update, s.lastUpdate = nil, time.Now()
	q.publish(s, m)
}
