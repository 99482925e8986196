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
func (q *Queue) thread(a alerts.Alert) *eventThread {
	s := q.threads[a.Camera]
	if s == nil || s.id != a.ID {
		s = &eventThread{camera: a.Camera, id: a.ID}
		q.threads[a.Camera] = s
	}
	return s
}

// stamp completes a message with its number and evidence. An end is the last message of its thread.
func (q *Queue) stamp(s *eventThread, a alerts.Alert) alerts.Alert {
	a.Seq, a.Evidence = s.seq, s.evidence
	s.seq++
	s.last = a
	if a.Phase == alerts.PhaseEnd {
		delete(q.threads, s.camera)
	}
	return a
}

// offerEvidence submits a message to the evidence maker; true if a last Result will follow.
func (q *Queue) offerEvidence(m Message, a alerts.Alert) bool {
	if q.evidence == nil || m.Media == nil {
		return false
	}
	return q.evidence.Submit(Request{Alert: a, Heat: m.Heat, Side: m.Side, Media: m.Media, Before: m.Before})
}

// publish sends the next message of an event.
func (q *Queue) publish(s *eventThread, m Message) (alerts.Alert, bool) {
	if l := m.Alert.Latency; l != nil {
		timed := *l
		timed.PublishMS = alerts.Milliseconds(time.Since(m.QueuedAt))
		m.Alert.Latency = &timed
	}
	a := q.stamp(s, m.Alert)
	if err := q.to.Publish(q.deadline, a); err != nil {
		q.recordLoss(a, err)
		return a, false
	}
	q.drainGoesOn()
	q.notify(a)
	return a, true
}
