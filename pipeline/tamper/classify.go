package tamper

import (
	"math"
	"math/bits"
)

// count is the number of cells.
func (s cellSet) count() int { return bits.OnesCount64(uint64(s)) }

// patches is the number of groups of cells that touch, also at corners.
func (s cellSet) patches() int {
	n := 0
	for s != 0 {
		patch := s & -s
		for {
			wide := patch | patch&^lastColumn<<1 | patch&^firstColumn>>1
			grown := (wide | wide<<Cells | wide>>Cells) & s
			if grown == patch {
				break
			}
			patch = grown
		}
		s &^= patch
		n++
	}
	return n
}

const (
	firstColumn cellSet = 0x0101010101010101
	lastColumn  cellSet = firstColumn << (Cells - 1)
)

// classify names the reason when a doubt has lasted.
func (m *Monitor) classify(f findings) Reason {
	g, v := &m.sampler.grid, m.views[m.nearest]
	switch f.doubt {
	case Covered, Moved:
	case Defocused:
		if found := m.reg.search(g, v.view, m.sampler.median); m.shifted(v, found) {
			return m.nameMotion(v, found)
		}
		return Defocused
	default:
		return f.doubt
	}
	start := m.match.estimate(g, v.view)
	best, reason := m.alignedShare(v, start), m.nameMotion(v, start)
	found := m.reg.search(g, v.view, m.sampler.median)
	if s := m.alignedShare(v, found); s > best {
		best, reason = s, m.nameMotion(v, found)
	}
	switch {
	case best >= 0.35:
		return reason
	case !m.flat(v, f.Lost):
		return Turned
	case f.Ragged > minRagged:
		return Sprayed
	default:
		return Covered
	}
}

// alignedShare is the share of cells that agree after the view is aligned from a start.
func (m *Monitor) alignedShare(v *watched, start motion) float64 {
	m.reg.align(&m.sampler.grid, v.view, m.sampler.median, start, &m.other)
	n, same := 0, 0
	for i := range m.other.cells {
		if v.correlation[i] < minUsual || v.cells[i].deviation() < minDeviation {
			continue
		}
		n++
		if m.other.cells[i].correlation > 0.7 {
			same++
		}
	}
	return float64(same) / float64(max(n, 1))
}

// nameMotion is Moved or Turned, by the angle.
func (m *Monitor) nameMotion(v *watched, start motion) Reason {
	by := m.reg.align(&m.sampler.grid, v.view, m.sampler.median, start, &m.other)
	if math.Abs(by.turn) > 1*math.Pi/180 {
		return Turned
	}
	return Moved
}

// flat says whether most of the picture has no structure, where the view has it, or little for all its contrast, as
// what is close to the lens.
func (m *Monitor) flat(v *watched, lost float64) bool {
	var strength, usual float64
	for i := range m.match.cells {
		strength += m.match.cells[i].strength * v.cells[i].gg
		usual += v.cells[i].gg
	}
	part := m.sampler.busyPixels(m.sampler.median) / max(m.sampler.busyPixels(v.pix), 1e-3)
	return strength < 0.3*usual || part < 0.4 || part < 0.7 && lost >= 0.4
}

// busyPixels is the share of pixels with a gradient above a grey level.
func (g *grid) busyPixels(pix []int16) float64 {
	n := 0
	for y := 1; y < g.w-1; y++ {
		for x := 1; x < g.w-1; x++ {
			if g.masked[g.cellOf(x*g.k, y*g.k)] {
				continue
			}
			i := y*g.w + x
			gx, gy := int(pix[i+1])-int(pix[i-1]), int(pix[i+g.w])-int(pix[i-g.w])
			if gx*gx+gy*gy > 4*level*level {
				n++
			}
		}
	}
	return float64(n) / float64(g.w*g.w)
}
