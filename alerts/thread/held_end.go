package thread

import (
	"time"

	"vigil/alerts"
)

const (
	// HoldTime is how long the end of an event waits for its evidence; if a clip is ready by then the end includes it
	// and is final.
	HoldTime = 10 * time.Second
	// HoldAtStop replaces HoldTime after a stop signal.
	HoldAtStop = time.Second
)

// attachEvidence adds evidence to its event: to the held end, or as an update. Later evidence is found by the event's
// id in its name.
func (q *Queue) attachEvidence(f Result) {
	s := q.threads[f.Camera]
	if s == nil || s.id != f.AlertID || s.last.Phase == alerts.PhaseEnd {
		return
	}
	news := len(f.Items) > 0
	if news {
		s.evidence = f.Items
	}
	s.pending, s.missing = f.Pending, f.Missing
	switch {
	case s.heldEnd != nil:
		if f.Last {
			q.publishEnd(s)
		}
	case news && s.seq > 0:
		s.addEvidenceUpdate()
		q.scheduleUpdate(s, false)
	}
}

// publishEnd publishes the end of an event with the evidence so far, and then the messages after it.
func (q *Queue) publishEnd(s *eventThread) {
	if s.heldEnd == nil {
		return
	}
	m, behind := *s.heldEnd, s.queuedBehind
	s.timer.Stop()
	s.heldEnd, s.queuedBehind = nil, nil
	m.Alert.EvidenceMissing = s.missing
	if !q.stopping {
		m.Alert.EvidencePending = s.pending
	} else {
		for _, e := range s.pending {
			m.Alert.EvidenceMissing = append(m.Alert.EvidenceMissing,
				alerts.MissingEvidence{Kind: e.Kind, Reason: alerts.MissingStopped})
		}
	}
	q.publish(s, m)
	for i, next := range behind {
		if again := q.threads[s.camera]; again != nil && again.heldEnd != nil {
			again.queuedBehind = append(again.queuedBehind, behind[i:]...)
			return
		}
		q.handle(q.deadline, next) // its hold could outlast the stop; q.holdDeadline bounds it
	}
}

// expire says that an end has waited long enough.
func (q *Queue) expire(s *eventThread) {
	select {
	case q.holdExpired <- s:
	case <-q.over:
	}
}

// hasHeldEnds reports whether an end waits for its evidence.
func (q *Queue) hasHeldEnds() bool {
	for _, s := range q.threads {
		if s.heldEnd != nil {
			return true
		}
	}
	return false
}

// shortenHold shortens the hold of ends, of those waiting and of those queued behind them, so that all are published
// before the publisher stops.
func (q *Queue) shortenHold(hold time.Duration) {
	if q.stopping {
		return
	}
	q.stopping, q.holdDeadline = true, time.Now().Add(hold)
	for _, s := range q.threads {
		if s.heldEnd != nil && s.timer != nil && s.timer.Stop() {
			s.timer = time.AfterFunc(hold, func() { q.expire(s) })
		}
	}
}
