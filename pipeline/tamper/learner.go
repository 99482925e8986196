package tamper

import (
	"errors"
	"math"
	"slices"
	"time"

	"vigil/internal/median"
)

// Learner makes a Reference of normal pictures. Its memory is bounded: of a long video it keeps maxKept pictures,
// evenly over time. It is not safe for concurrent use.
type Learner struct {
	sampler sampler
	still   stillness
	noise   noiseHistogram

	kept     []moment
	spare    []moment // dropped ones, for their memory
	keepNext time.Duration
	keepStep time.Duration

	samples                 int
	longUnmoved, longSilent int
}

// moment is a picture and the median of the second that it ends.
type moment struct {
	gray   []byte  // [side][side]
	median []int16 // [w][w]
}

const (
	maxKept = 96
	// noiseSamples is how many samples the noise is learned from before motion is told from it.
	noiseSamples = 10
)

// NewLearner returns a learner for pictures of side x side; ignore, [side][side], marks pixels that do not count, nil
// for none.
func NewLearner(side int, ignore []bool) *Learner {
	l := &Learner{sampler: newSampler(side, ignore), keepStep: time.Second}
	l.still.counted = l.sampler.counted
	return l
}

// Add takes a normal picture, [side][side] in grey levels, and its stream time. Pictures come in order; time that goes
// back begins another video of the same camera.
func (l *Learner) Add(picture []byte, at time.Duration) {
	if l.sampler.filled > 0 && at < l.sampler.last {
		l.keepNext = 0
	}
	if !l.sampler.due(at, false) {
		return
	}
	now, before := l.sampler.take(picture, at)
	if before == nil {
		l.still.reset()
		return
	}
	var d [numCells]float32
	l.sampler.differences(&d, now, before)
	l.noise.add(&d)
	l.samples++
	if l.samples <= noiseSamples || l.samples%64 == 0 {
		l.noise.quartile(&l.still.noise)
	}
	if l.samples > noiseSamples {
		l.still.step(&d)
		l.longUnmoved = max(l.longUnmoved, l.still.unmoved)
		l.longSilent = max(l.longSilent, l.still.silent)
	}
	if l.sampler.filled == window && at >= l.keepNext {
		l.keep(picture)
		l.keepNext = at + l.keepStep
	}
}

func (l *Learner) keep(picture []byte) {
	if len(l.kept) == maxKept {
		// Every second one goes, and from now on half as many come.
		n := 0
		for i, m := range l.kept {
			if i%2 == 0 {
				l.kept[n], l.kept[i] = m, l.kept[n]
				n++
			}
		}
		l.spare = append(l.spare, l.kept[n:]...)
		l.kept = l.kept[:n:n]
		l.keepStep *= 2
	}
	var m moment
	if n := len(l.spare); n > 0 {
		m, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		m = moment{gray: make([]byte, len(picture)), median: make([]int16, len(l.sampler.median))}
	}
	copy(m.gray, picture)
	median5(m.median, &l.sampler.ring)
	l.kept = append(l.kept, m)
}

// minKept is the number of seconds that a view needs.
const minKept = 3

// errTooShort is returned where there are too few pictures for a reference.
var errTooShort = errors.New("a reference of a place needs 10 s of normal video")

// Reference returns what was learned so far.
func (l *Learner) Reference() (*Reference, error) {
	if len(l.kept) < minKept {
		return nil, errTooShort
	}
	g := &l.sampler.grid
	r := &Reference{
		Version: Version, Side: g.side, Noise: make([]float32, numCells),
		Silent:  time.Duration(l.longSilent) * (sampleEvery + 20*time.Millisecond),
		Unmoved: time.Duration(l.longUnmoved) * (sampleEvery + 20*time.Millisecond),
		Learned: time.Duration(l.samples) * (sampleEvery + 20*time.Millisecond),
	}
	var noise [numCells]float32
	l.noise.quartile(&noise)
	for i, n := range noise {
		r.Noise[i] = rounded(float64(n))
	}
	rest := slices.Clone(l.kept)
	for len(r.Views) < MaxViews && len(rest) >= minKept {
		var v View
		v, rest = learnView(g, rest)
		r.Views = append(r.Views, v)
	}
	return r, nil
}

// learnView makes a view of the largest group of moments that look alike, and returns the others.
func learnView(g *grid, all []moment) (View, []moment) {
	group := all
	var v *view
	var scores []comparison
	// The median of two looks is a mixture: what does not resemble it is left out, and the median is taken again.
	for range 3 {
		v = newView(g)
		frames := make([][]byte, len(group))
		for i := range group {
			frames[i] = group[i].gray
		}
		median.Background(v.full, frames)
		v.prepare(g)
		var alike []moment
		scores = scores[:0]
		for _, m := range all {
			var c comparison
			c.compare(g, v, m.median)
			if c.alike(v) {
				alike = append(alike, m)
				scores = append(scores, c)
			}
		}
		if len(alike) == len(group) || len(alike) < minKept {
			break
		}
		group = alike
	}
	if len(scores) < minKept {
		// Nothing is like it: a view of one moment.
		m := all[len(all)/2]
		copy(v.full, m.gray)
		v.prepare(g)
		scores = scores[:0]
		for _, m := range all {
			var c comparison
			c.compare(g, v, m.median)
			if c.alike(v) {
				scores = append(scores, c)
			}
		}
	}
	out := describe(g, v, scores, all)
	var rest []moment
	for _, m := range all {
		var c comparison
		c.compare(g, v, m.median)
		if !c.alike(v) {
			rest = append(rest, m)
		}
	}
	if len(rest) == len(all) {
		rest = nil
	}
	return out, rest
}

// alike says whether half of the cells with structure correlate with the view's.
func (c *comparison) alike(v *view) bool {
	structured, same := 0, 0
	for i := range c.cells {
		if v.cells[i].deviation() < minDeviation {
			continue
		}
		structured++
		if c.cells[i].correlation > 0.6 {
			same++
		}
	}
	return 2*same >= structured
}

// minDeviation is the contrast in grey levels that a cell needs to be compared.
const minDeviation = 2

func describe(g *grid, v *view, scores []comparison, all []moment) View {
	out := View{
		Picture: encodePNG(v.full, g.side), Correlation: make([]float32, numCells), Edges: make([]float32, numCells),
		Fine: 1, Saturated: v.saturated() / max(g.open, 1e-3),
	}
	values := make([]float64, len(scores))
	usual := func(of func(c *comparison) float64) float64 {
		for i := range scores {
			values[i] = of(&scores[i])
		}
		slices.Sort(values)
		if len(values) == 0 {
			return 0
		}
		return values[len(values)/2]
	}
	for i := range numCells {
		out.Correlation[i] = rounded(min(1, usual(func(c *comparison) float64 { return c.cells[i].correlation })))
		out.Edges[i] = rounded(min(1, usual(func(c *comparison) float64 { return c.cells[i].edges })))
	}
	for i := range scores {
		out.Shift = max(out.Shift, scores[i].estimate(g, v).size(g))
	}
	var fine []float64
	for _, m := range all {
		var c comparison
		c.compare(g, v, m.median)
		if !c.alike(v) {
			continue
		}
		var f [numCells]float64
		v.fineness(g, &f, m.gray)
		if x, _, ok := c.sharpness(v, &f); ok {
			fine = append(fine, x)
		}
	}
	if len(fine) > 0 {
		slices.Sort(fine)
		out.Fine = max(0, min(4, fine[len(fine)/2]))
	}
	return out
}

// saturated is the share of white pixels.
func (v *view) saturated() float64 {
	n := 0
	for _, p := range v.full {
		if p >= 250 {
			n++
		}
	}
	return float64(n) / float64(len(v.full))
}

// rounded rounds to three digits, so that a calibration's file stays short.
func rounded(x float64) float32 { return float32(math.Round(1000*max(0, x)) / 1000) }
