package kinds

import (
	"math/rand/v2"
)

const (
	// Seconds of normal video before and after an anomaly; the first of each where the recording is short.
	minLead, maxLead = 4.0, 7.0
	minTail, maxTail = 2.0, 4.0
	// minVisible is the least visible share of an object in a frame that is abnormal.
	minVisible = 0.5
)

// Clip is a labelled video: a part of a recording with something added. Its frames can be drawn in any order, but not
// at the same time.
type Clip struct {
	Frames int
	p      *Place
	source int // the recording's frame with which it begins
	draw   func(t int, c *canvas) (abnormal bool)
}

// Draw draws the t-th frame into picture, [Height][Width], and marks in mask what is abnormal. It reports whether the
// frame is; if not, nothing is marked.
func (c *Clip) Draw(t int, picture []byte, mask []bool) bool {
	copy(picture, c.p.frame(c.source+t))
	clear(mask)
	to := &canvas{c.p, c.source + t, picture, mask}
	if c.draw == nil {
		return false
	}
	if !c.draw(t, to) {
		clear(mask)
		return false
	}
	return true
}

// span says when something happens: from frame first on, before frame end, of a clip.
type span struct {
	source, frames int
	first, end     int
}

// window places something that lasts so many frames in a clip. In a short recording it is shorter.
func (p *Place) window(r *rand.Rand, frames int) span {
	lead, tail := p.frames(uniform(r, minLead, maxLead)), p.frames(uniform(r, minTail, maxTail))
	at := r.Float64()
	if lead+frames+tail > p.Frames() {
		lead, tail = p.frames(minLead), p.frames(minTail)
		frames = min(frames, p.Frames()-lead-tail)
	}
	s := span{frames: lead + frames + tail, first: lead, end: lead + frames}
	s.source = int(at * float64(p.Frames()-s.frames+1))
	return s
}

// crossing places something that cannot be shortened: in a short recording the clip ends before it does.
func (p *Place) crossing(r *rand.Rand, frames int) span {
	s := p.window(r, frames)
	if s.end-s.first < frames {
		s.frames = p.Frames() - s.source
		s.end = s.frames
	}
	return s
}

// lasting places something that stays until the clip ends.
func (p *Place) lasting(r *rand.Rand, seconds float64) span {
	s := p.window(r, p.frames(seconds))
	s.end = s.frames
	return s
}

// in reports whether it happens in a frame.
func (s span) in(t int) bool { return t >= s.first && t < s.end }

// share is how far it has come in so many frames from its begin, and to its end: 0 to 1.
func (s span) share(t, ramp int) float64 {
	if !s.in(t) {
		return 0
	}
	up := ease(float64(t-s.first+1) / float64(max(ramp, 1)))
	if s.end == s.frames {
		return up
	}
	return min(up, ease(float64(s.end-t)/float64(max(ramp, 1))))
}

// clip makes a clip that is drawn only while something happens.
func (s span) clip(p *Place, draw func(t int, c *canvas) bool) *Clip {
	return s.always(p, func(t int, c *canvas) bool { return s.in(t) && draw(t, c) })
}

// always makes a clip of which every frame is drawn.
func (s span) always(p *Place, draw func(t int, c *canvas) bool) *Clip {
	return &Clip{Frames: s.frames, p: p, source: s.source, draw: draw}
}

// whole makes a clip of which the whole picture is abnormal while it happens.
func (s span) whole(p *Place, draw func(t int, c *canvas)) *Clip {
	return s.clip(p, func(t int, c *canvas) bool {
		draw(t, c)
		c.all()
		return true
	})
}
