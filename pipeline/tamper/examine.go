package tamper

import "time"

// findings are what an evaluation found.
type findings struct {
	Evidence
	doubt Reason        // None if all is well
	ago   time.Duration // when it began, before now
	hold  time.Duration // how long it must last
	state [numCells]cellState
}

// cellState is what became of a cell of the view.
type cellState uint8

const (
	plain   cellState = iota // the view has too little structure there
	agrees                   // shows the view
	differs                  // shows something else, or nothing
)

const (
	// Likeness that a cell of a view must usually have to count.
	minUsual = 0.65
	// How far below its usual likeness a cell still shows the view.
	correlationSlack, edgesSlack = 0.18, 0.13

	halfWindow  = 500 * time.Millisecond
	holdSudden  = 1600 * time.Millisecond
	holdPartial = 8 * time.Second
	holdSettled = 3 * time.Second
	frozenFor   = 3400 * time.Millisecond
	// mayBeFrozenFor is shorter than an event must be calm before it ends.
	mayBeFrozenFor = 600 * time.Millisecond
)

// agreement says which cells of c show the view, and their share of those with structure, -1 if there are too few.
func (m *Monitor) agreement(c *comparison, v *watched) (state [numCells]cellState, share float64) {
	structured, same := 0, 0
	for i := range c.cells {
		r, x := &v.cells[i], &c.cells[i]
		byTone, byEdges := v.correlation[i] >= minUsual, v.edges[i] >= minUsual
		if r.deviation() < minDeviation || !byTone && !byEdges {
			continue
		}
		structured++
		switch {
		case byTone && x.correlation >= v.correlation[i]-correlationSlack,
			byEdges && x.edges >= v.edges[i]-edgesSlack && x.strength > 0.02:
			state[i] = agrees
			same++
		default:
			state[i] = differs
		}
	}
	if structured < minStructured {
		return state, -1
	}
	return state, float64(same) / float64(structured)
}

// minStructured is the number of cells with structure below which a place cannot be recognised.
const minStructured = 8

// examine looks for everything that can be wrong.
func (m *Monitor) examine(picture []byte) findings {
	g, v := &m.sampler.grid, m.views[m.nearest]
	var f findings
	var share float64
	f.state, share = m.agreement(&m.match, v)
	f.Agreeing = max(0, share)
	changed := m.settle.take(g, m.sampler.median, &m.still.noise)
	busy := 0
	for i := range f.state {
		if m.active[i] > 2*float64(m.still.noise[i])+1 {
			busy++
		}
	}
	if share >= 0 && share < 0.75 {
		f.Lost, f.Ragged = m.patches.erasure(g, v.view, m.sampler.median)
	}
	f.Still = float64(m.still.unmoved) * 0.2
	m.light.measure(g, &f, &m.match)
	f.White = m.whiteShare() - v.saturated
	v.fineness(g, &m.fine, picture)
	m.sharpness = 0
	inverted := m.inverted()
	blurred := false
	if x, upper, ok := m.match.sharpness(v.view, &m.fine); ok && inverted < 0.12 {
		m.sharpness = x
		if v.fine > 0.2 && (m.nearest != 0 || m.sharp >= sharpKnown) {
			f.Sharpness = x / v.fine
			// A lens out of focus blurs all of the picture, fog or something in front of it a part.
			blurred = x > 0 && upper < minSharp*v.fine
		}
	}
	shift := m.match.estimate(g, v.view)
	f.Shift = shift.size(g)

	switch {
	case m.standsStill(frozenFor):
		f.doubt, f.hold, f.ago = Frozen, 0, frozenFor
	case m.light.dark(g, m.darkest()):
		f.doubt, f.hold, f.ago = Dark, holdSudden, halfWindow
	case m.light.blinded(g, f.White):
		f.doubt, f.hold, f.ago = Blinded, holdSudden, halfWindow
	case share >= 0 && share <= 0.12:
		f.doubt, f.hold, f.ago = Covered, holdSudden, halfWindow
		switch {
		case busy*3 < g.counted:
		case changed*2 < g.counted && !m.flat(v, f.Lost):
			f.hold = holdSettled // a scene of its own, in which things move
		default:
			f.hold = holdPartial
		}
	case blurred:
		f.doubt, f.hold, f.ago = Defocused, holdSudden, halfWindow
		if m.shifted(v, shift) {
			f.doubt = Moved
		}
	case f.Shift > max(minShift, 3*v.shift) && m.shifted(v, shift):
		f.doubt, f.hold, f.ago = Moved, holdSudden, halfWindow
	case f.Lost >= 0.2 && f.Ragged > minRagged && busy*2 < g.counted && inverted < 0.12 && m.sameLight(&f):
		f.doubt, f.hold, f.ago = Sprayed, holdSudden, halfWindow
	case f.Lost >= 0.5 && share < 0.5 && busy*4 < g.counted:
		f.doubt, f.hold, f.ago = Covered, holdPartial, halfWindow
	}
	return f
}

// minRagged is how ragged what is gone must be to be paint.
const minRagged = 0.27

// minSharp is the share of the usual sharpness that a picture in focus has.
const minSharp = 0.62

// minShift is the least displacement that counts, as a fraction of the side.
const minShift = 0.0055

// shifted says whether the median lies over the view when that is displaced, and not otherwise.
func (m *Monitor) shifted(v *watched, by motion) bool {
	g := &m.sampler.grid
	before := m.match.disagreement(v)
	by = m.reg.align(g, v.view, m.sampler.median, by, &m.other)
	after := m.other.disagreement(v)
	return after < 0.6*before && by.size(g) > max(minShift, 2*v.shift)
}

// disagreement is the median over the cells with structure of 1 - correlation.
func (c *comparison) disagreement(v *watched) float64 {
	sum, n := 0., 0
	for i := range c.cells {
		if v.correlation[i] < minUsual || v.cells[i].deviation() < minDeviation {
			continue
		}
		sum += min(1, 1-c.cells[i].correlation)
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// sameLight says whether the cells that still show the view have its contrast. Paint leaves them as they were; the
// switch to infrared changes all.
func (m *Monitor) sameLight(f *findings) bool {
	same, n := 0, 0
	for i, s := range f.state {
		if s != agrees {
			continue
		}
		n++
		if g := m.match.cells[i].gain; g > 0.75 && g < 1.4 {
			same++
		}
	}
	return 3*same >= 2*n
}

func (m *Monitor) whiteShare() float64 {
	n := 0
	for _, p := range m.sampler.median {
		if p >= 248*level {
			n++
		}
	}
	return float64(n) / (float64(len(m.sampler.median)) * max(m.sampler.open, 1e-3))
}

// standsStill says whether the picture has stood still for so long although the place does not.
func (m *Monitor) standsStill(least time.Duration) bool {
	const sample = 200 * time.Millisecond
	long := func(run int) bool { return time.Duration(run)*sample >= least }
	s := &m.still
	switch {
	// The noise was there and went at once.
	case long(s.silent) && s.noisy >= 0.5 && m.ref.Silent < time.Second:
		return true
	// Without noise to go by: things stopped in mid motion and are still there.
	case long(s.exact) && s.stopped.count() >= 3:
		return m.present(s.stopped)
	case long(s.unmoved) && s.stopped.count() >= 5 && s.stopped.patches() >= 2 && m.ref.Unmoved < 2*time.Second:
		return m.present(s.stopped)
	}
	return false
}

// present says whether half of the cells differ from the view.
func (m *Monitor) present(cells cellSet) bool {
	n := 0
	v := m.views[m.nearest]
	for i := range numCells {
		if cells&(1<<i) != 0 && m.match.cells[i].correlation < v.correlation[i]-0.05 {
			n++
		}
	}
	return 2*n >= cells.count()
}
