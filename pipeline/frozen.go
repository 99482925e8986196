package pipeline

import (
	"fmt"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
	"vigil/video"
)

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
