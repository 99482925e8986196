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
	first   error
	inARow  int    // since the last scored clip
	nextLog uint64 // count at which to log next: 1, 10, 100, ...
}

// refuse handles a clip that could not be scored. The camera goes on.
func (s *scheduler) refuse(c *cameraState, err error) {
	r := &c.refused
	n := c.reader.stats.unscorable.Add(1)
	r.inARow++
	if r.first == nil {
		r.first, r.nextLog = err, 1
	}
	if n == r.nextLog {
		r.nextLog *= 10
		c.reader.log.Warn("a clip could not be scored and is left out", "error", err, "unscorable", n,
			errcode.Key, errcode.CameraUnscorable)
	}
	if r.inARow == refusalsInARow {
		s.close(c, alerts.EndUnwatched)
		c.reader.health.setNote(alerts.StateUnscorable,
			fmt.Sprintf("%d clips in a row could not be scored, the latest: %v",
				r.inARow, err))
	}
}

// accept handles a clip that was scored.
func (c *cameraState) accept() {
	if c.refused.inARow >= refusalsInARow {
		c.reader.health.setNote(alerts.StateUnscorable, "")
	}
	c.refused.inARow = 0
}

// unscoredError returns an error for a recording of which no clip could be scored; nil if one was, or if there were
// none.
func (c *cameraState) unscoredError() error {
	n := c.reader.stats.unscorable.Load()
	if n == 0 || c.reader.stats.scored.Load() > 0 || c.reader.Live {
		return nil
	}
	return errcode.CameraUnscorable.Wrap(fmt.Errorf("none of its %d clips could be scored, the first: %w", n,
		c.refused.first))
}
