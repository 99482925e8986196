package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"vigil/alerts"
	"vigil/video"
)

// goodSpell is how long a source must deliver before a failure counts as the first again.
const goodSpell = time.Minute

// backoff is the pause before a source is opened again: it doubles from least to most.
type backoff struct {
	least, most time.Duration
	pause       time.Duration
}

// next gives the pause after an opening that delivered for so long. It is between half and all of what was reached, so
// that the cameras behind one switch do not come back all at once.
func (b *backoff) next(delivered time.Duration) time.Duration {
	if b.pause == 0 || delivered >= goodSpell {
		b.pause = b.least
	}
	now := b.pause/2 + rand.N(b.pause/2+1)
	b.pause = min(2*b.pause, b.most)
	return now
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

// NewBackoff gives the pauses that Run makes between two openings of a source, for others who open one: each call is
// told how long the last opening delivered.
func NewBackoff(least, most time.Duration) func(delivered time.Duration) time.Duration {
	b := backoff{least: least, most: most}
	return b.next
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
