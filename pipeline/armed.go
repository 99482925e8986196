package pipeline

import (
	"time"

	"vigil/alerts"
)

// Suspension is a switch that somebody has set: the camera is scored, and no event is open. The zero value is none.
type Suspension struct {
	State alerts.State // alerts.StateSnoozed or alerts.StateDetectionOff
	Why   string       // for people; not empty
}

// noEvents returns why no event may be open at a time; "" if one may.
func (c *Camera) noEvents(now time.Time) alerts.EndReason {
	if c.Suspended != nil {
		switch c.Suspended(now).State {
		case alerts.StateSnoozed:
			return alerts.EndSnoozed
		case alerts.StateDetectionOff:
			return alerts.EndDetectionOff
		}
	}
	if c.Armed != nil && !c.Armed(now) {
		return alerts.EndDisarmed
	}
	return ""
}

// checkArmed updates the states of a camera without events, at most once a second: they last for minutes.
func (r *reader) checkArmed(now time.Time) {
	if r.Armed == nil && r.Suspended == nil || now.Unix() == r.armedCheckedAt {
		return
	}
	r.armedCheckedAt = now.Unix()
	why := ""
	if r.Armed != nil && !r.Armed(now) {
		why = "outside the armed hours"
	}
	r.health.setNote(alerts.StateDisarmed, why)
	if r.Suspended == nil {
		return
	}
	// The new note comes before the end of the old one, or the camera would be live in between.
	off := r.Suspended(now)
	if off.State != "" {
		r.health.setNote(off.State, off.Why)
	}
	for _, state := range []alerts.State{alerts.StateSnoozed, alerts.StateDetectionOff} {
		if state != off.State {
			r.health.setNote(state, "")
		}
	}
}
