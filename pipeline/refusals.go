package pipeline

import (
	"fmt"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// refusalsInARow is how many consecutive clips must fail to be scored before that is the camera's state: a single one
// may be due to its pictures.
const refusalsInARow = 10

// refusals counts the clips of a camera that could not be scored.
type refusals struct {
	first error
	row   int    // since the last scored clip
	log   uint64 // count at which to log next: 1, 10, 100, ...
}

// refuse handles a clip that could not be scored. The camera goes on.
func (j *scheduler) refuse(b *cameraState, err error) {
	r := &b.refused
	n := b.w.stats.unscorable.Add(1)
	r.row++
	if r.first == nil {
		r.first, r.log = err, 1
	}
	if n == r.log {
		r.log *= 10
		b.w.log.Warn("a clip could not be scored and is left out", "error", err, "unscorable", n,
			errcode.Key, errcode.CameraUnscorable)
	}
	if r.row == refusalsInARow {
		j.close(b, alerts.EndUnwatched)
		b.w.health.note(alerts.StateUnscorable, fmt.Sprintf("%d clips in a row could not be scored, the latest: %v",
			r.row, err))
	}
}

// accept handles a clip that was scored.
func (b *cameraState) accept() {
	if b.refused.row >= refusalsInARow {
		b.w.health.note(alerts.StateUnscorable, "")
	}
	b.refused.row = 0
}

// nothing returns an error for a recording of which no clip could be scored; nil if one was, or if there were none.
func (b *cameraState) nothing() error {
	n := b.w.stats.unscorable.Load()
	if n == 0 || b.w.stats.scored.Load() > 0 || b.w.Live {
		return nil
	}
	return errcode.CameraUnscorable.Wrap(fmt.Errorf("none of its %d clips could be scored, the first: %w", n,
		b.refused.first))
}
