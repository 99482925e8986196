package pipeline

import (
	"fmt"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// maxUnscorableInARow is how many consecutive clips must fail to be scored before that is the camera's state: a single
// one may be due to its pictures.
const maxUnscorableInARow = 10

// unscorableClips counts the clips of a camera that could not be scored.
type unscorableClips struct {
	first   error
	inARow  int    // since the last scored clip
	nextLog uint64 // count at which to log next: 1, 10, 100, ...
}

// handleUnscorable handles a clip that could not be scored. The camera goes on.
func (s *scheduler) handleUnscorable(c *cameraState, err error) {
	u := &c.unscorable
	n := c.reader.stats.unscorable.Add(1)
	u.inARow++
	if u.first == nil {
		u.first, u.nextLog = err, 1
	}
	if n == u.nextLog {
		u.nextLog *= 10
		c.reader.log.Warn("a clip could not be scored and is left out", "error", err, "unscorable", n,
			errcode.Key, errcode.CameraUnscorable)
	}
	if u.inARow == maxUnscorableInARow {
		s.close(c, alerts.EndUnwatched)
		c.reader.health.setNote(alerts.StateUnscorable,
			fmt.Sprintf("%d clips in a row could not be scored, the latest: %v",
				u.inARow, err))
	}
}

// resetUnscorable handles a clip that was scored.
func (c *cameraState) resetUnscorable() {
	if c.unscorable.inARow >= maxUnscorableInARow {
		c.reader.health.setNote(alerts.StateUnscorable, "")
	}
	c.unscorable.inARow = 0
}

// unscoredError returns an error for a recording of which no clip could be scored; nil if one was, or if there were
// none.
func (c *cameraState) unscoredError() error {
	n := c.reader.stats.unscorable.Load()
	if n == 0 || c.reader.stats.scored.Load() > 0 || c.reader.Live {
		return nil
	}
	return errcode.CameraUnscorable.Wrap(fmt.Errorf("none of its %d clips could be scored, the first: %w", n,
		c.unscorable.first))
}
