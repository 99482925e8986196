package scene

import "math"

// light models passing clouds, slow enough that no second is unusual, and frequent enough that a minute covers most of
// the range.
type light struct{ phase [3]float64 }

func newLight(seed uint64) light {
	r := rngFor(seed, rngLight, 0)
	var l light
	for i := range l.phase {
		l.phase[i] = uniform(r, 0, 2*math.Pi)
	}
	return l
}

// at returns the share of sunlight at time t in seconds (0 to 1) and the camera's gain.
func (l *light) at(t float64) (sun, gain float64) {
	periods := [...]float64{41, 27, 17}
	weights := [...]float64{0.55, 0.3, 0.15}
	var sky float64
	for i, p := range periods {
		sky += weights[i] * math.Sin(2*math.Pi*t/p+l.phase[i])
	}
	sun = smoothstep(0.62 + 0.75*sky)
	// The camera's exposure compensates most of the loss of light.
	return sun, 0.86 + 0.16*sun + 0.02*sky
}
