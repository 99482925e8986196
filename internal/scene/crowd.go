package scene

import "math"

// A person or a pair arrives every arrivalEvery seconds, which keeps two to six people in view.
const (
	arrivalEvery = 2.7
	// maxWalk is the duration of the longest walk, in seconds, in the widest view.
	maxWalk = 45
)

// crowd returns all walkers whose normal walk is in progress at time t.
func (s *Street) crowd(t float64) []walker {
	walkers := s.walkers[:0]
	every := arrivalEvery * s.cfg.Calm
	for slot := int(math.Floor((t - maxWalk) / every)); slot <= int(math.Floor(t/every)); slot++ {
		first, second, pair := s.arrival(slot)
		if first.from <= t && t < first.until() {
			walkers = append(walkers, first)
		}
		if pair && second.from <= t && t < second.until() {
			walkers = append(walkers, second)
		}
	}
	s.walkers = walkers
	return walkers
}

// arrival returns the arrival in a slot: one walker, or a pair that walks side by side.
func (s *Street) arrival(slot int) (first, second walker, pair bool) {
	r := rngFor(s.cfg.daySeed(), rngCrowd, 3*slot)
	w := walker{body: newBody(s.cfg.daySeed(), rngCrowd, 3*slot+1)}
	w.from = (float64(slot) + 0.7*r.Float64()) * arrivalEvery * s.cfg.Calm
	w.speed = max(0.95, min(1.6, 1.27+0.16*r.NormFloat64()))
	w.phase = uniform(r, 0, 2*math.Pi)
	dir := 1.0
	if r.IntN(2) == 0 {
		dir = -1
	}
	// Steps of the golden ratio spread consecutive arrivals over the width of the street.
	_, spread := math.Modf(math.Abs(float64(slot)) * math.Phi)
	band := walkBands[r.IntN(2)]
	z := band[0] + (band[1]-band[0])*spread
	drift := uniform(r, band[0], band[1]) - z
	w.across(&s.camera, z, dir, 0.5*drift)
	if r.Float64() < 0.14 {
		w.pauseAt = w.way * uniform(r, 0.25, 0.75)
		w.pause = uniform(r, 2, 5)
	}
	if pair = r.Float64() < 0.2; pair {
		second = w
		second.body = newBody(s.cfg.daySeed(), rngCrowd, 3*slot+2)
		second.phase = uniform(r, 0, 2*math.Pi)
		second.z += 0.55
		second.from += uniform(r, 0, 0.25)
	}
	return w, second, pair
}
