package calibrate

import (
	"time"

	"vigil/pipeline/detect"
)

const (
	// afterGap is how long clips are excluded after a gap: a decoder that has lost part of the stream may show garbage
	// until the next key frame.
	afterGap = 2 * time.Second
	// afterOpening is how long clips are excluded after the source was opened again: a camera that has just started may
	// show what it never shows otherwise.
	afterOpening = 10 * time.Second
)

// NormalFilter excludes the clips of one source that follow a gap or a reopening. The zero value is ready for the first
// clip.
type NormalFilter struct {
	left       Excluded
	any        bool          // a clip was seen
	generation int           // of the latest clip
	until      time.Duration // clips that begin before this are excluded
	reopen     bool          // until is due to a reopening, not to a gap
	skipped    bool          // the previous clip was excluded
}

// Excluded counts the clips that are not used as normal, by cause.
type Excluded struct {
	Gaps          int `json:"gaps,omitempty"`           // within an opening
	AfterGaps     int `json:"after_gaps,omitempty"`     // clips
	Openings      int `json:"openings,omitempty"`       // reopenings of the source
	AfterOpenings int `json:"after_openings,omitempty"` // clips
	Sizes         int `json:"other_sizes,omitempty"`    // clips whose picture size differs from the first clip's
}

// Add adds the counts of another source.
func (l *Excluded) Add(o Excluded) {
	l.Gaps += o.Gaps
	l.AfterGaps += o.AfterGaps
	l.Openings += o.Openings
	l.AfterOpenings += o.AfterOpenings
	l.Sizes += o.Sizes
}

// LeftOut returns the clips excluded so far.
func (s *NormalFilter) LeftOut() Excluded { return s.left }

// Take processes the source's next clip and reports whether to use it. It sets Gap on the first clip after excluded
// ones.
func (s *NormalFilter) Take(c *detect.Clip) bool {
	switch {
	case !s.any:
		s.until = c.First.PTS
	case c.Generation != s.generation:
		s.left.Openings++
		s.until, s.reopen = c.First.PTS+afterOpening, true
	case c.Gap:
		s.left.Gaps++
		if until := c.First.PTS + afterGap; until > s.until {
			s.until, s.reopen = until, false
		}
	}
	s.any, s.generation = true, c.Generation
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
