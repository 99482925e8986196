package tamper

import "time"

const (
	adaptEvery = 5 * time.Second
	// adaptPart is the part by which the adapted view approaches the present: five minutes.
	adaptPart = 1. / 60
	// hurryPart is that after the light has changed its kind, as at the switch to infrared.
	hurryPart  = 0.3
	hurrySteps = 8
	// minInversions is the number of evaluations in a row after which it has: four seconds.
	minInversions = 10
	// The sharpness that the adapted view usually has is averaged over so many evaluations, and used after some of
	// them.
	sharpSlow, sharpKnown = 60, 20
)

// adapt draws the first view towards the present while the camera is trusted, so that shadows, seasons and parked cars
// become part of the place; a view that was learned is never changed.
func (m *Monitor) adapt(picture []byte, at time.Duration) {
	if m.verdict.State != Trusted {
		return
	}
	m.light.follow()
	if m.inverted() >= 0.2 {
		m.inversions++
	} else {
		m.inversions = 0
	}
	if m.nearest == 0 && m.sharpness > 0 {
		m.sharp++
		m.views[0].fine += (m.sharpness - m.views[0].fine) / float64(min(m.sharp, sharpSlow))
	}
	if m.adapted > at {
		m.adapted = at
	}
	if at-m.adapted < adaptEvery {
		return
	}
	m.adapted = at
	v := m.views[0]
	part := float32(adaptPart)
	switch {
	case m.inversions >= minInversions:
		// The old look and the new one make no picture together.
		part, m.hurry, m.inversions = 1, hurrySteps, 0
		m.sharp, m.nearest = 0, 0
	case m.hurry > 0:
		m.hurry--
		part = hurryPart
	}
	for i, p := range picture {
		m.blend[i] += part * (float32(p) - m.blend[i])
		v.full[i] = byte(max(0, min(255, m.blend[i]+0.5)))
	}
	v.prepare(&m.sampler.grid)
}

// inverted is the share of cells in which edges agree and tones do not.
func (m *Monitor) inverted() float64 {
	v := m.views[m.nearest]
	n, structured := 0, 0
	for i := range m.match.cells {
		c := &m.match.cells[i]
		if v.edges[i] < minUsual || v.cells[i].deviation() < minDeviation {
			continue
		}
		structured++
		if c.edges >= v.edges[i]-edgesSlack && c.correlation < v.correlation[i]-correlationSlack {
			n++
		}
	}
	return float64(n) / float64(max(structured, minStructured))
}
