package pipeline

import (
	"math"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/pipeline/detect"
	"vigil/pipeline/tamper"
)

// untrusted is the scheduler's state of a camera that cannot be trusted.
type untrusted struct {
	change trustChange   // the latest; its reason is None while the camera can be trusted
	onset  detect.Moment // of the present time without trust
	found  tamper.Reason // the latest reason, also while no event is open because none may be
	until  time.Duration // clips that begin before this show what could not be trusted
	event  string        // the ULID of the open event; "" for none
	reason tamper.Reason // that its last message had
	peak   detect.Moment // when that was found
}

// handleTrust handles a change of whether the camera can be trusted.
func (s *scheduler) handleTrust(c *cameraState, change trustChange) {
	u := &c.untrusted
	if u.change.reason == tamper.None {
		u.onset = change.since
	}
	if change.reason == tamper.None {
		u.until = change.since.PTS
	} else {
		u.found = change.reason
		if u.change.reason == tamper.None {
			c.reader.stats.untrusted.Add(1)
			c.adaptWithout(u.onset.PTS)
		}
	}
	u.change = change
	s.updateUntrusted(c, change.found.Wall)
}

// updateUntrusted opens, updates or ends the event of a camera that cannot be trusted; now is the time of its pictures.
func (s *scheduler) updateUntrusted(c *cameraState, now time.Time) {
	u := &c.untrusted
	off := c.camera.noEvents(now)
	switch {
	case u.change.reason != tamper.None && off == "":
		switch {
		case u.event == "":
			s.closeAnomaly(c, alerts.EndUntrusted)
			u.event = alerts.NewID()
			s.enqueueUntrusted(c, alerts.PhaseStart, "")
		case u.reason != u.change.reason:
			s.enqueueUntrusted(c, alerts.PhaseUpdate, "")
		}
	case u.event != "" && off != "":
		s.endUntrusted(c, off)
	case u.event != "":
		s.endUntrusted(c, alerts.EndRestored)
	}
}

// endUntrusted ends the open event of kind untrusted, if any.
func (s *scheduler) endUntrusted(c *cameraState, reason alerts.EndReason) {
	if c.untrusted.event != "" {
		s.enqueueUntrusted(c, alerts.PhaseEnd, reason)
		c.untrusted.event = ""
	}
}

// checkClip reports whether a clip shows what cannot be trusted, and takes away what would call it normal or not.
func (c *cameraState) checkClip(clip *detect.Clip) bool {
	u := &c.untrusted
	if u.change.reason == tamper.None && clip.First.PTS >= u.until {
		return false
	}
	clip.Untrusted = u.found.String()
	clip.Regularity, clip.Excess, clip.Cause, clip.Boxes, clip.Zones = math.NaN(), 0, "", nil, nil
	return true
}

// enqueueUntrusted queues the next message of the event of kind untrusted.
func (s *scheduler) enqueueUntrusted(c *cameraState, phase alerts.Phase, reason alerts.EndReason) {
	u := &c.untrusted
	last := u.change.found
	if phase != alerts.PhaseEnd {
		u.reason, u.peak = u.change.reason, u.change.found
	} else {
		if reason == alerts.EndRestored {
			last = u.change.since
		} else if c.lastClip.Last.PTS > last.PTS {
			last = c.lastClip.Last
		}
		if last.PTS < u.peak.PTS {
			last = u.peak
		}
	}
	a := c.about(u.change.width, u.change.height)
	a.ID, a.Phase, a.EndReason, a.Kind, a.Reason = u.event, phase, reason, alerts.KindUntrusted, u.reason.String()
	a.Start, a.Peak = moment(u.onset), moment(u.peak)
	a.DurationSeconds = max(0, (last.PTS - u.onset.PTS).Seconds())
	if phase == alerts.PhaseEnd {
		end := moment(last)
		a.End = &end
	}
	m := thread.Message{
		Alert: a, Side: c.reader.Model.Spec().Side, UpdateEvery: c.camera.Detector.UpdateEvery, QueuedAt: time.Now(),
	}
	if c.reader.Media != nil {
		m.Media = c.reader.Media
	}
	if phase == alerts.PhaseStart {
		if u.change.hasBefore {
			m.Before.Frame = u.change.before.Frame
		} else {
			m.Before.View = c.view
		}
	}
	s.publish.Enqueue(m)
}
