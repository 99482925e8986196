package calibrate

import (
	"time"

	"vigil/pipeline/tamper"
	"vigil/video"
)

// ViewLearner learns the view of a camera's normal video, by which a tamper.Monitor later checks whether the camera can
// be trusted. Like NormalFilter it leaves out what follows a gap or a reopening, and pictures of another size than the
// first.
type ViewLearner struct {
	learner       *tamper.Learner // nil for pictures that a monitor cannot check
	side          int
	width, height int
	generation    int
	from          time.Duration // pictures before this do not count
	started       bool          // the recording has
}

// NewViewLearner returns a learner for pictures of side x side; ignore, [side][side], marks pixels that do not count,
// nil for none.
func NewViewLearner(side int, ignore []bool) *ViewLearner {
	l := &ViewLearner{side: side}
	if side >= tamper.MinSide && side <= tamper.MaxSide {
		l.learner = tamper.NewLearner(side, ignore)
	}
	return l
}

// NewRecording begins another recording of the camera.
func (l *ViewLearner) NewRecording() { l.from, l.started = 0, false }

// Add takes the next picture at its stream time; gap says that it does not follow the one before.
func (l *ViewLearner) Add(p *video.Picture, at time.Duration, gap bool) {
	switch {
	case !l.started:
	case p.Generation != l.generation:
		l.from = at + afterOpening
	case gap:
		l.from = max(l.from, at+afterGap)
	}
	if l.width == 0 {
		l.width, l.height = p.Width, p.Height
	}
	l.started, l.generation = true, p.Generation
	if l.learner != nil && at >= l.from && p.Width == l.width && p.Height == l.height {
		l.learner.Add(p.Gray, at)
	}
}

// Reference returns what was learned; an error says why a camera cannot be checked by this video.
func (l *ViewLearner) Reference() (*tamper.Reference, error) {
	if l.learner == nil {
		return nil, tamper.CheckSide(l.side)
	}
	return l.learner.Reference()
}
