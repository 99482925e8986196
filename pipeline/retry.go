package pipeline

import (
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/internal/retry"
	"vigil/video"
)

// stableAfter is how long a source must deliver before the backoff restarts.
const stableAfter = time.Minute

// NewBackoff returns the delays between two openings of a source: from first to longest, with jitter, so that the
// cameras behind one switch are not all reopened at once, and from first again after a source that delivered for a
// minute.
func NewBackoff(first, longest time.Duration) *retry.Backoff {
	return &retry.Backoff{First: first, Max: longest, StableAfter: stableAfter, Jitter: true}
}

// errFrozen ends an opening whose source repeats one picture, at most once every frozenReopenEvery: a still night may
// decode to equal pictures, and then opening the source again would change nothing.
var errFrozen = errcode.CameraFrozen.New("the picture is frozen")

const frozenReopenEvery = time.Hour

// checkFrozen updates the live or frozen state. It returns errFrozen if the source should be reopened.
func (r *reader) checkFrozen(pic *video.Picture) error {
	if !pic.Same || r.lastChange.IsZero() || r.FrozenAfter <= 0 {
		r.lastChange = pic.Arrival
		r.health.set(alerts.StateLive, "")
		return nil
	}
	still := pic.Arrival.Sub(r.lastChange)
	if still < r.FrozenAfter {
		if !r.health.is(alerts.StateFrozen) {
			r.health.set(alerts.StateLive, "")
		}
		return nil
	}
	r.health.set(alerts.StateFrozen, fmt.Sprintf("the same picture for %v", still.Round(time.Second)))
	if r.lastFrozenReopen.IsZero() || pic.Arrival.Sub(r.lastFrozenReopen) >= frozenReopenEvery {
		r.lastFrozenReopen = pic.Arrival
		return errFrozen
	}
	return nil
}

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
