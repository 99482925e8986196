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

// NormalFilter excludes the clips of one source that follow a gap or a reopening, and those while the camera cannot be
// trusted. The zero value is ready for the first clip.
type NormalFilter struct {
	excluded   Excluded
	started    bool          // a clip was seen
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
	Untrusted     int `json:"untrusted,omitempty"`      // clips while the camera was covered, moved or the like
}

// Add adds the counts of another source.
func (e *Excluded) Add(o Excluded) {
	e.Gaps += o.Gaps
	e.AfterGaps += o.AfterGaps
	e.Openings += o.Openings
	e.AfterOpenings += o.AfterOpenings
	e.Sizes += o.Sizes
	e.Untrusted += o.Untrusted
}

// Excluded returns the clips excluded so far.
func (f *NormalFilter) Excluded() Excluded { return f.excluded }

// Accept processes the source's next clip and reports whether to use it. It sets Gap on the first clip after excluded
// ones.
func (f *NormalFilter) Accept(c *detect.Clip) bool {
	switch {
	case !f.started:
		f.until = c.First.PTS
	case c.Generation != f.generation:
		f.excluded.Openings++
		f.until, f.reopen = c.First.PTS+afterOpening, true
	case c.Gap:
		f.excluded.Gaps++
		if until := c.First.PTS + afterGap; until > f.until {
			f.until, f.reopen = until, false
		}
	}
	f.started, f.generation = true, c.Generation
	if c.Untrusted != "" {
		f.skipped = true
		f.excluded.Untrusted++
		return false
	}
	if c.First.PTS >= f.until {
		c.Gap, f.skipped = c.Gap || f.skipped, false
		return true
	}
	if f.skipped = true; f.reopen {
		f.excluded.AfterOpenings++
	} else {
		f.excluded.AfterGaps++
	}
	return false
}
