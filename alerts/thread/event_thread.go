package thread

import (
	"context"
	"time"

	"vigil/alerts"
)

// eventThread is an event as it is told: which messages there were, what there is to see of it, and whether its end
// waits for that.
type eventThread struct {
	camera, id string
	seq        int          // of the next message
	last       alerts.Alert // the latest message
	evidence   []alerts.Evidence
	pending    []alerts.PendingEvidence // what its end may promise
	missing    []alerts.MissingEvidence // what there will not be

	heldEnd      *Message  // the end, which waits for evidence
	queuedBehind []Message // what came after it
	timer        *time.Timer
	pendingUpdate
}

// thread gives the one that a message belongs to.
func (p *Queue) thread(a alerts.Alert) *eventThread {
	s := p.threads[a.Camera]
	if s == nil || s.id != a.ID {
		s = &eventThread{camera: a.Camera, id: a.ID}
		p.threads[a.Camera] = s
	}
	return s
}

// stamp completes a message.
func (s *eventThread) stamp(a alerts.Alert) alerts.Alert {
	a.Seq, a.Evidence = s.seq, s.evidence
	s.seq++
	s.last = a
	return a
}

// handle follows up what the scorer said. Behind an end that waits, a camera's words wait too: they stay in their
// order.
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

// offerEvidence shows a message to the witness; true where it promises to say when it is done.
func (p *Queue) offerEvidence(w Message, a alerts.Alert) bool {
	if p.evidence == nil || w.Media == nil {
		return false
	}
	return p.evidence.Submit(Request{Alert: a, Heat: w.Heat, Side: w.Side, Media: w.Media})
}

// publish sends the next message of a story.
func (p *Queue) publish(s *eventThread, w Message) (alerts.Alert, bool) {
	if l := w.Alert.Latency; l != nil {
		timed := *l
		timed.PublishMS = alerts.Milliseconds(time.Since(w.QueuedAt))
		w.Alert.Latency = &timed
	}
	a := s.stamp(w.Alert)
	if err := p.to.Publish(p.deadline, a); err != nil {
		p.recordLoss(a, err)
		return a, false
	}
	p.notify(a)
	return a, true
}

// attachEvidence adds evidence to its event: to the end that waits for it, or as an update. What comes too late has
// the event's id in its name.
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

// publishEnd says the end of a story, whatever there is to see, and then what came after it.
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
		p.handle(p.deadline, next) // which is over later than the program is told to stop; p.latest knows
	}
}

// hasHeldEnds says whether an end waits for its evidence.
func (p *Queue) hasHeldEnds() bool {
	for _, s := range p.threads {
		if s.heldEnd != nil {
			return true
		}
	}
	return false
}

// shortenHold shortens the wait of ends: of those that wait and of those that are behind them, so that however many
// there are all are said before the publisher gives up.
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
