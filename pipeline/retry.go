package pipeline

import (
	"errors"
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/internal/retry"
	"vigil/video"
)

// stableAfter is how long a source must deliver before a failure counts as the first again.
const stableAfter = time.Minute

// NewBackoff gives the pauses between two openings of a source: from least to most, with jitter, so that the cameras
// behind one switch do not come back all at once, and from least again after a source that delivered for a minute.
func NewBackoff(least, most time.Duration) *retry.Backoff {
	return &retry.Backoff{First: least, Max: most, StableAfter: stableAfter, Jitter: true}
}

// errFrozen ends a source that repeats one picture, at most once every thawEvery: a still night may decode to equal
// pictures, and then opening the source again would change nothing.
var errFrozen = errors.New("the picture is frozen")

const thawEvery = time.Hour

// checkFrozen takes note that a picture came. It gives errFrozen where the source ought to be opened again.
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

// checkArmed takes note of whether the camera is armed; once a second is enough for hours and minutes.
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
