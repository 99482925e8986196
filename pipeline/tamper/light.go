package tamper

import "math"

// light follows the brightness of each cell slowly, so that a sudden change shows.
type light struct {
	slow  [numCells]float64 // grey levels
	mean  [numCells]float64 // now
	known bool
}

// measure takes the brightness from a comparison.
func (l *light) measure(g *grid, f *findings, c *comparison) {
	var now, slow float64
	for i := range l.mean {
		if g.masked[i] {
			continue
		}
		l.mean[i] = c.cells[i].mean
		if !l.known {
			l.slow[i] = l.mean[i]
		}
		now += l.mean[i]
		slow += l.slow[i]
	}
	l.known = true
	f.Level = now / max(slow, 1)
}

// follow draws the slow brightness towards the present, while the camera is trusted.
func (l *light) follow() {
	const rate = 0.02 // of an evaluation every 0.4 s: 20 s
	for i := range l.slow {
		l.slow[i] += rate * (l.mean[i] - l.slow[i])
	}
}

// dark says whether nearly every cell has at most half of its light, and less than the darkest learned view.
func (l *light) dark(g *grid, darkest float64) bool {
	dim, now := 0, 0.
	for i := range l.mean {
		if g.masked[i] {
			continue
		}
		now += l.mean[i] / float64(g.counted)
		if l.mean[i] < 0.55*l.slow[i] || l.mean[i] < 6 {
			dim++
		}
	}
	return dim*10 >= g.counted*9 && now < 0.75*darkest
}

// blinded says whether most cells became much brighter and many pixels are white.
func (l *light) blinded(g *grid, white float64) bool {
	bright := 0
	for i := range l.mean {
		if !g.masked[i] && (l.mean[i] > l.slow[i]+25 || l.mean[i] > 240) {
			bright++
		}
	}
	return bright*4 >= g.counted*3 && white >= 0.15
}

// darkest is the mean brightness of the darkest learned view.
func (m *Monitor) darkest() float64 {
	least := math.Inf(1)
	for _, v := range m.views[1:] {
		sum := 0.
		for i := range v.cells {
			if !m.sampler.masked[i] {
				sum += v.cells[i].mean / level / float64(m.sampler.counted)
			}
		}
		least = min(least, sum)
	}
	return least
}
