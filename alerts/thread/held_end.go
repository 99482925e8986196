package thread

import (
	"context"
	"time"

	"vigil/alerts"
)

// handle processes a message of the scheduler. Messages after a held end wait too, to keep the camera's order.
func (p *Queue) handle(ctx context.Context, w Message) {
	if s := p.threads[w.Alert.Camera]; s != nil && s.heldEnd != nil {
		s.queuedBehind = append(s.queuedBehind, w)
		return
	}
	s := p.thread(w.Alert)
	if w.Alert.Phase == alerts.PhaseUpdate && s.started {
		s.setUpdate(w)
		p.scheduleUpdate(s, p.offerEvidence(w, w.Alert))
		return
	}
	s.dropUpdate()
	if w.Alert.Phase == alerts.PhaseEnd && p.offerEvidence(w, w.Alert) {
		s.heldEnd = &w
		hold := HoldTime
		if ctx.Err() != nil && !p.stopping {
			p.shortenHold(HoldAtStop)
		}
		if !p.holdDeadline.IsZero() {
			hold = max(0, time.Until(p.holdDeadline))
		}
		s.timer = time.AfterFunc(hold, func() { p.holdExpired <- s })
		return
	}
	a, ok := p.publish(s, w)
	s.started, s.every = s.started || ok, w.UpdateEvery
	if ok && w.Alert.Phase != alerts.PhaseEnd {
		p.offerEvidence(w, a)
	}
}

// attachEvidence adds evidence to its event: to the held end, or as an update. Later evidence is found by the event's
// id in its name.
func (p *Queue) attachEvidence(f Result) {
	s := p.threads[f.Camera]
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
			p.publishEnd(s)
		}
	case news && s.seq > 0:
		s.addEvidenceUpdate()
		p.scheduleUpdate(s, false)
	}
}

// publishEnd publishes the end of an event with the evidence so far, and then the messages after it.
func (p *Queue) publishEnd(s *eventThread) {
	if s.heldEnd == nil {
		return
	}
	w, behind := *s.heldEnd, s.queuedBehind
	s.timer.Stop()
	s.heldEnd, s.queuedBehind = nil, nil
	w.Alert.EvidenceMissing = s.missing
	if !p.stopping {
		w.Alert.EvidencePending = s.pending
	} else {
		for _, e := range s.pending {
			w.Alert.EvidenceMissing = append(w.Alert.EvidenceMissing,
				alerts.MissingEvidence{Kind: e.Kind, Reason: alerts.MissingStopped})
		}
	}
	p.publish(s, w)
	for i, next := range behind {
		if again := p.threads[s.camera]; again.heldEnd != nil {
			again.queuedBehind = append(again.queuedBehind, behind[i:]...)
			return
		}
		p.handle(p.deadline, next) // its hold could outlast the stop; p.holdDeadline bounds it
	}
}

// hasHeldEnds reports whether an end waits for its evidence.
func (p *Queue) hasHeldEnds() bool {
	for _, s := range p.threads {
		if s.heldEnd != nil {
			return true
		}
	}
	return false
}

// shortenHold shortens the hold of ends, of those waiting and of those queued behind them, so that all are published
// before the publisher stops.
func (p *Queue) shortenHold(hold time.Duration) {
	if p.stopping {
		return
	}
	p.stopping, p.holdDeadline = true, time.Now().Add(hold)
	for _, s := range p.threads {
		if s.heldEnd != nil && s.timer != nil && s.timer.Stop() {
			s.timer = time.AfterFunc(hold, func() { p.holdExpired <- s })
		}
	}
}
