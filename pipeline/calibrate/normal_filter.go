package calibrate

import (
	"time"
	"vigil/pipeline/detect"
)

const (
	// afterGap is for how long after a gap clips do not count as normal: a decoder that has lost a part of the stream
	// may show rubbish until a picture comes that needs no other.
	afterGap = 2 * time.Second
	// afterOpening is likewise for a source that was opened again: a camera that has just started shows what it never
	// shows otherwise.
	afterOpening = 10 * time.Second
)

// NormalFilter tells the clips of one source that a calibration may take for normal from those that follow a gap or
// another opening. The zero value is before the first clip.
type NormalFilter struct {
	left    Excluded
	any     bool          // there was a clip
	opening int           // of the latest one
	until   time.Duration // clips that begin before are left out
	reopen  bool          // since the source was opened again
	skipped bool          // the clip before was left out
}

// Excluded counts the clips that do not count as normal, and what they came after.
type Excluded struct {
	Gaps          int `json:"gaps,omitempty"`           // within an opening
	AfterGaps     int `json:"after_gaps,omitempty"`     // clips
	Openings      int `json:"openings,omitempty"`       // that followed another
	AfterOpenings int `json:"after_openings,omitempty"` // clips
	Sizes         int `json:"other_sizes,omitempty"`    // clips of pictures of another size than the first
}

// Add adds another source's.
func (l *Excluded) Add(o Excluded) {
	l.Gaps += o.Gaps
	l.AfterGaps += o.AfterGaps
	l.Openings += o.Openings
	l.AfterOpenings += o.AfterOpenings
	l.Sizes += o.Sizes
}

// Excluded says what did not count so far.
func (s *NormalFilter) LeftOut() Excluded { return s.left }

// Take takes the source's next clip and says whether it counts. The first one that does after some that do not has a
// gap before it.
func (s *NormalFilter) Take(c *detect.Clip) bool {
	switch {
	case !s.any:
		s.until = c.First.PTS
	case c.Opening != s.opening:
		s.left.Openings++
		s.until, s.reopen = c.First.PTS+afterOpening, true
	case c.Gap:
		s.left.Gaps++
		if until := c.First.PTS + afterGap; until > s.until {
			s.until, s.reopen = until, false
		}
	}
	s.any, s.opening = true, c.Opening
	if c.First.PTS >= s.until {
		c.Gap, s.skipped = c.Gap || s.skipped, false
		return true
	}
	if s.skipped = true; s.reopen {
		s.left.AfterOpenings++
	} else {
		s.left.AfterGaps++
	}
	return false
}
