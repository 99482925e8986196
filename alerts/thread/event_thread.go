package thread

import (
	"time"

	"vigil/alerts"
)

// eventThread is the state of an event's messages: those published, its evidence, and whether its end waits for more.
type eventThread struct {
	camera, id string
	seq        int          // of the next message
	last       alerts.Alert // the last message
	evidence   []alerts.Evidence
	pending    []alerts.PendingEvidence // pending evidence, listed in its end
	missing    []alerts.MissingEvidence // evidence that could not be made

	heldEnd      *Message  // the end, while it waits for evidence
	queuedBehind []Message // messages after it
	timer        *time.Timer
	pendingUpdate
}

// thread returns the event thread of a message.
func (p *Queue) thread(a alerts.Alert) *eventThread {
	s := p.threads[a.Camera]
	if s == nil || s.id != a.ID {
		s = &eventThread{camera: a.Camera, id: a.ID}
		p.threads[a.Camera] = s
	}
	return s
}

// stamp completes a message with its number and evidence.
func (s *eventThread) stamp(a alerts.Alert) alerts.Alert {
	a.Seq, a.Evidence = s.seq, s.evidence
	s.seq++
	s.last = a
	return a
}

// offerEvidence submits a message to the evidence maker; true if a last Result will follow.
func (p *Queue) offerEvidence(w Message, a alerts.Alert) bool {
	if p.evidence == nil || w.Media == nil {
		return false
	}
	return p.evidence.Submit(Request{Alert: a, Heat: w.Heat, Side: w.Side, Media: w.Media})
}

// publish sends the next message of an event.
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
	p.drainGoesOn()
	p.notify(a)
	return a, true
}
