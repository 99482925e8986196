package pipeline

import (
	"context"
	"time"

	"vigil/alerts"
	"vigil/alerts/evidence"
)

// story is an event as it is told: which messages there were, what there is to see of it, and whether its end waits
// for that.
type story struct {
	camera, id string
	seq        int          // of the next message
	last       alerts.Alert // the latest message
	evidence   []alerts.Evidence
	pending    []alerts.PendingEvidence // what its end may promise
	missing    []alerts.MissingEvidence // what there will not be

	ending *word  // the end, which waits for evidence
	behind []word // what came after it
	timer  *time.Timer
	updates
}

// story gives the one that a message belongs to.
func (p *publisher) story(a alerts.Alert) *story {
	s := p.stories[a.Camera]
	if s == nil || s.id != a.ID {
		s = &story{camera: a.Camera, id: a.ID}
		p.stories[a.Camera] = s
	}
	return s
}

// number completes a message.
func (s *story) number(a alerts.Alert) alerts.Alert {
	a.Seq, a.Evidence = s.seq, s.evidence
	s.seq++
	s.last = a
	return a
}

// hear follows up what the scorer said. Behind an end that waits, a camera's words wait too: they stay in their order.
func (p *publisher) hear(ctx context.Context, w word) {
	if s := p.stories[w.alert.Camera]; s != nil && s.ending != nil {
		s.behind = append(s.behind, w)
		return
	}
	s := p.story(w.alert)
	if w.alert.Phase == alerts.PhaseUpdate && s.started {
		s.raised(w)
		p.plan(s, p.see(w, w.alert))
		return
	}
	s.drop()
	if w.alert.Phase == alerts.PhaseEnd && p.see(w, w.alert) {
		s.ending = &w
		hold := holdTime
		if ctx.Err() != nil && !p.leaving {
			p.hurry(holdAtStop)
		}
		if !p.latest.IsZero() {
			hold = max(0, time.Until(p.latest))
		}
		s.timer = time.AfterFunc(hold, func() { p.expired <- s })
		return
	}
	a, ok := p.publish(s, w)
	s.started, s.every = s.started || ok, w.every
	if ok && w.alert.Phase != alerts.PhaseEnd {
		p.see(w, a)
	}
}

// see shows a message to the witness; true where it promises to say when it is done.
func (p *publisher) see(w word, a alerts.Alert) bool {
	if p.witness == nil || w.footage == nil {
		return false
	}
	return p.witness.Submit(evidence.Request{Alert: a, Heat: w.heat, Side: w.side, Footage: w.footage})
}

// publish sends the next message of a story.
func (p *publisher) publish(s *story, w word) (alerts.Alert, bool) {
	if l := w.alert.Latency; l != nil {
		timed := *l
		timed.PublishMS = milliseconds(time.Since(w.said))
		w.alert.Latency = &timed
	}
	a := s.number(w.alert)
	if err := p.to.Publish(p.deadline, a); err != nil {
		p.lose(a, err)
		return a, false
	}
	p.tell(a)
	return a, true
}

// find adds evidence to its event: to the end that waits for it, or as an update. What comes too late has the event's
// id in its name.
func (p *publisher) find(f evidence.Result) {
	s := p.stories[f.Camera]
	if s == nil || s.id != f.AlertID || s.last.Phase == alerts.PhaseEnd {
		return
	}
	news := len(f.Items) > 0
	if news {
		s.evidence = f.Items
	}
	s.pending, s.missing = f.Pending, f.Missing
	switch {
	case s.ending != nil:
		if f.Last {
			p.finish(s)
		}
	case news && s.seq > 0:
		s.found()
		p.plan(s, false)
	}
}

// finish says the end of a story, whatever there is to see, and then what came after it.
func (p *publisher) finish(s *story) {
	if s.ending == nil {
		return
	}
	w, behind := *s.ending, s.behind
	s.timer.Stop()
	s.ending, s.behind = nil, nil
	w.alert.EvidenceMissing = s.missing
	if !p.leaving {
		w.alert.EvidencePending = s.pending
	} else {
		for _, e := range s.pending {
			w.alert.EvidenceMissing = append(w.alert.EvidenceMissing,
				alerts.MissingEvidence{Kind: e.Kind, Reason: alerts.MissingStopped})
		}
	}
	p.publish(s, w)
	for i, next := range behind {
		if again := p.stories[s.camera]; again.ending != nil {
			again.behind = append(again.behind, behind[i:]...)
			return
		}
		p.hear(p.deadline, next) // which is over later than the program is told to stop; p.latest knows
	}
}

// holding says whether an end waits for its evidence.
func (p *publisher) holding() bool {
	for _, s := range p.stories {
		if s.ending != nil {
			return true
		}
	}
	return false
}

// hurry shortens the wait of ends: of those that wait and of those that are behind them, so that however many there
// are all are said before the publisher gives up.
func (p *publisher) hurry(hold time.Duration) {
	if p.leaving {
		return
	}
	p.leaving, p.latest = true, time.Now().Add(hold)
	for _, s := range p.stories {
		if s.ending != nil && s.timer != nil && s.timer.Stop() {
			s.timer = time.AfterFunc(hold, func() { p.expired <- s })
		}
	}
}
