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

// NewBackoff returns the delays between two openings of a source: from least to most, with jitter, so that the cameras
// behind one switch are not all reopened at once, and from least again after a source that delivered for a minute.
func NewBackoff(least, most time.Duration) *retry.Backoff {
	return &retry.Backoff{First: least, Max: most, StableAfter: stableAfter, Jitter: true}
}

// errFrozen ends a source that repeats one picture, at most once every thawEvery: a still night may decode to equal
// pictures, and then opening the source again would change nothing.
var errFrozen = errcode.CameraFrozen.New("the picture is frozen")

const thawEvery = time.Hour

// checkFrozen updates the live or frozen state. It returns errFrozen if the source should be reopened.
func (w *reader) checkFrozen(pic *video.Picture) error {
	if !pic.Same || w.lastChange.IsZero() || w.FrozenAfter <= 0 {
		w.lastChange = pic.Arrival
		w.health.set(alerts.StateLive, "")
		return nil
	}
	still := pic.Arrival.Sub(w.lastChange)
	if still < w.FrozenAfter {
		if !w.health.is(alerts.StateFrozen) {
			w.health.set(alerts.StateLive, "")
		}
		return nil
	}
	w.health.set(alerts.StateFrozen, fmt.Sprintf("the same picture for %v", still.Round(time.Second)))
	if w.lastFrozenReopen.IsZero() || pic.Arrival.Sub(w.lastFrozenReopen) >= thawEvery {
		w.lastFrozenReopen = pic.Arrival
		return errFrozen
	}
	return nil
}

// checkArmed updates the disarmed state, at most once a second, since armed hours are given in minutes.
func (w *reader) checkArmed(now time.Time) {
	if w.Armed == nil || now.Unix() == w.armedAt {
		return
	}
	w.armedAt = now.Unix()
	why := ""
	if !w.Armed(now) {
		why = "outside the armed hours"
	}
	w.health.note(alerts.StateDisarmed, why)
}
