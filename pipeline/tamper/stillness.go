package tamper

import "math"

// stillness counts, sample by sample, for how long nothing has moved, and for how long even the noise is gone.
type stillness struct {
	// noise is the mean difference of two samples of a cell that nothing moves in, in grey levels.
	noise [numCells]float32

	counted                int // cells that are not masked
	unmoved, silent, exact int // samples in a row
	moving                 cellSet
	// stopped are the cells that moved when the run of unmoved samples began.
	stopped cellSet
	// noisy is the share of cells with their usual noise, averaged over the last seconds before the run of silent ones.
	noisy float64
}

// cellSet is a set of cells, one bit each.
type cellSet uint64

const (
	// noiseSeen is the noise that a cell needs for its absence to tell something, in grey levels.
	noiseSeen = 0.1
	// noiseLeft is the share of its noise below which a cell is silent.
	noiseLeft = 0.5
	// equalWithin is what equal pictures may differ by, in grey levels.
	equalWithin = 0.02
	// noisyRate is the weight of a new sample in the average of the noise: about three seconds.
	noisyRate = 0.07
)

// moves says whether a cell with this difference shows more than noise.
func moves(d, noise float32) bool { return d > 1.6*noise+0.4 }

// reset begins anew after a gap.
func (s *stillness) reset() {
	s.unmoved, s.silent, s.exact, s.moving, s.stopped, s.noisy = 0, 0, 0, 0, 0, 0
}

// step takes the differences of two samples.
func (s *stillness) step(d *[numCells]float32) {
	before := s.moving
	s.moving = 0
	known, quiet, usual, equal := 0, 0, 0, true
	for i, v := range d {
		n := s.noise[i]
		if moves(v, n) {
			s.moving |= 1 << i
		}
		equal = equal && v <= equalWithin
		if n < noiseSeen {
			continue
		}
		known++
		if v <= noiseLeft*n {
			quiet++
		} else {
			usual++
		}
	}
	switch {
	case s.moving != 0:
		s.unmoved = 0
	default:
		if s.unmoved == 0 {
			s.stopped = before
		}
		s.unmoved++
	}
	if equal {
		s.exact++
	} else {
		s.exact = 0
	}
	if s.moving == 0 && 2*known >= s.counted && quiet*10 >= known*9 {
		s.silent++
		return
	}
	s.silent = 0
	if known > 0 {
		s.noisy += noisyRate * (float64(usual)/float64(known) - s.noisy)
	}
}

// noiseBins are the bins of the histogram of a cell's differences: four to a doubling, from 1/32 of a grey level.
const noiseBins = 48

func noiseBin(d float32) int {
	if !(d > 1./32) {
		return 0
	}
	return min(noiseBins-1, 1+int(4*math.Log2(float64(d)*32)))
}

func binLevel(bin int) float32 {
	if bin == 0 {
		return 0
	}
	return float32(math.Exp2((float64(bin)-0.5)/4) / 32)
}

// noiseHistogram is the distribution of each cell's differences.
type noiseHistogram struct {
	bins  [numCells][noiseBins]uint32
	count uint32
}

func (h *noiseHistogram) add(d *[numCells]float32) {
	for i, v := range d {
		h.bins[i][noiseBin(v)]++
	}
	h.count++
}

// quartile fills noise with the lower quartile of each cell: half of the time something may move there.
func (h *noiseHistogram) quartile(noise *[numCells]float32) {
	for i := range noise {
		below := uint32(0)
		for b, c := range h.bins[i] {
			if below += c; 4*below >= h.count {
				noise[i] = binLevel(b)
				break
			}
		}
	}
}
