package pipeline

import (
	"fmt"

	"vigil/alerts"
)

// refusalsInARow is how many clips in a row that cannot be scored make a state of the camera: one may be a matter of
// its pictures.
const refusalsInARow = 10

// refusals are the clips of a camera that could not be scored.
type refusals struct {
	first error
	row   int    // since a clip was scored
	log   uint64 // the next one that is logged: the first, the tenth, the hundredth
}

// refuse takes note of a clip that could not be scored. The camera goes on.
func (j *scheduler) refuse(b *cameraState, err error) {
	r := &b.refused
	n := b.w.stats.unscorable.Add(1)
	r.row++
	if r.first == nil {
		r.first, r.log = err, 1
	}
	if n == r.log {
		r.log *= 10
		b.w.log.Warn("a clip could not be scored and is left out", "error", err, "unscorable", n)
	}
	if r.row == refusalsInARow {
		j.close(b, alerts.EndUnwatched)
		b.w.health.note(alerts.StateUnscorable, fmt.Sprintf("%d clips in a row could not be scored, the latest: %v",
			r.row, err))
	}
}

// accept takes note of a clip that was scored.
func (b *cameraState) accept() {
	if b.refused.row >= refusalsInARow {
		b.w.health.note(alerts.StateUnscorable, "")
	}
	b.refused.row = 0
}

// nothing is the error of a recording of which no clip could be scored; nil where one was, and where there was none.
func (b *cameraState) nothing() error {
	n := b.w.stats.unscorable.Load()
	if n == 0 || b.w.stats.scored.Load() > 0 || b.w.Live {
		return nil
	}
	return fmt.Errorf("none of its %d clips could be scored, the first: %w", n, b.refused.first)
}
