package pipeline

import (
	"time"

	"vigil/alerts"
)

// checkArmed updates the disarmed state, at most once a second, since armed hours are given in minutes.
func (r *reader) checkArmed(now time.Time) {
	if r.Armed == nil || now.Unix() == r.armedCheckedAt {
		return
	}
	r.armedCheckedAt = now.Unix()
	why := ""
	if !r.Armed(now) {
		why = "outside the armed hours"
	}
	r.health.setNote(alerts.StateDisarmed, why)
}
