package model

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vigil/internal/errcode"
	"vigil/model/kernel"
)

// Score is the result of scoring a clip.
type Score struct {
	Reading // by the Spec's Score
	// Appearance is the reading by BlockSq of the same reconstruction; zero for MeanAbs.
	Appearance Reading
	// Map is [Side][Side], row-major: the mean over the scored frames of |x̂-x| for mean_abs, of (x̂-x)² for the other
	// scores; 0 where the picture is ignored. The Scorer owns it; it is valid until the next call.
	Map []float32
	// Side is the model's input side, in pixels.
	Side int
}

// Scorer scores one clip at a time, in its own buffers. It must not be used by two goroutines at once.
type Scorer struct {
	model *Model
	pool  *kernel.Pool
	maps  [2][]float32 // activations, alternating
	y     []float32    // [Frames][Side][Side], the reconstruction; only scored frames are written
	errs  []float32    // [Side][Side]
	// For BlockMotion, [Side][Side]: sums over the scored frames of squared changes and of squared differences to the
	// background.
	change, front []float32
	blocks        *blocks
	// trace, if set, receives each layer's result, channels-last, with its name in the state dict.
	trace func(name string, values []float32)
	// onStage, if set, is called after each of the model's Stages.
	onStage func()
}

// NewScorer makes a Scorer that uses the given number of threads; 0 or less means GOMAXPROCS. Close must be called.
func (m *Model) NewScorer(threads int) *Scorer {
	side := m.spec.Side
	s := &Scorer{
		model: m, pool: kernel.NewPool(threads), blocks: newBlocks(side, m.spec.ScoredFrames()),
		y: make([]float32, Frames*side*side), errs: make([]float32, side*side),
	}
	for buffer, n := range m.mapSizes() {
		s.maps[buffer] = make([]float32, n)
	}
	if m.spec.Score == BlockMotion {
		s.change, s.front = make([]float32, side*side), make([]float32, side*side)
	}
	if m.memory != nil {
		m.memory.Reserve(s.pool)
	}
	return s
}

// mapSizes are the lengths of the two activation buffers, in values.
func (m *Model) mapSizes() (sizes [2]int) {
	layers := len(m.layers) - 1
	if m.tail != nil {
		layers--
	}
	buffer := 0
	for i, l := range m.layers[:layers] {
		n := m.convs[i].DstLen()
		sizes[buffer] = max(sizes[buffer], n)
		buffer = 1 - buffer
		if l.memory {
			sizes[buffer] = max(sizes[buffer], n)
			buffer = 1 - buffer
		}
	}
	return sizes
}

// Close ends the Scorer's goroutines and waits for them.
func (s *Scorer) Close() { s.pool.Close() }

// Score reconstructs a clip and measures its error. x is [16][Side][Side], row-major, in [-1, 1]. ignore, [Side][Side],
// marks masked pixels; nil ignores none. A NaN or an infinity in the values read from x, or in the result, is an error.
func (s *Scorer) Score(x []float32, ignore []bool) (Score, error) { return s.ScoreOn(x, ignore, nil) }

// ScoreOn is Score of a camera with that background, [Side][Side] in [-1, 1]; nil is the weights' own. Scores that need
// no background ignore it.
func (s *Scorer) ScoreOn(x []float32, ignore []bool, background []float32) (Score, error) {
	side := s.model.spec.Side
	if background == nil {
		background = s.model.background
	}
	if len(x) != Frames*side*side {
		return Score{}, fmt.Errorf("a clip has %d values, the model takes %d frames of %d x %d", len(x), Frames,
			side, side)
	}
	if ignore != nil && len(ignore) != side*side {
		return Score{}, fmt.Errorf("a mask has %d pixels, the model's picture %d x %d", len(ignore), side, side)
	}
	if s.model.spec.Score == BlockMotion && len(background) != side*side {
		return Score{}, backgroundError(len(background), side)
	}
	s.forward(x)
	if s.model.spec.Score == BlockMotion {
		area := side * side
		first := Frames - s.model.spec.ScoredFrames()
		// The clip's first frame has no frame before it to compare with.
		moved := max(first, 1) * area
		kernel.Residual(s.pool, s.model.set, s.change, x[moved:], x[moved-area:len(x)-area], true)
		kernel.Residual(s.pool, s.model.set, s.front, x[first*area:], background, true)
	}
	return s.clipScore(x, ignore)
}

// ErrNoBackground says that weights that know no place were given no background of the camera's.
var ErrNoBackground = errcode.WeightsNoPlace.New(
	"the weights know no place of their own, and the camera's background " +
		"is missing: calibrate the camera with 'vigil calibrate' and give its calibration")

func backgroundError(pixels, side int) error {
	if pixels == 0 {
		return ErrNoBackground
	}
	return fmt.Errorf("a background has %d pixels, the model's picture %d x %d", pixels, side, side)
}

// forward writes the reconstruction of x to s.y and the sums of its errors to s.errs.
func (s *Scorer) forward(x []float32) {
	m, src, buffer := s.model, x, 0
	last := len(m.convs) - 1
	errs := kernel.Errors{Sum: s.errs, X: x, Square: m.spec.Score != MeanAbs}
	for i := 0; i <= last; i++ {
		l, n := &m.layers[i], m.convs[i].DstLen()
		if i == last-1 && m.tail != nil && s.trace == nil {
			m.tail.Run(s.pool, s.y, src, errs)
			s.endStage()
			return
		}
		if i == last {
			m.convs[i].RunErrors(s.pool, s.y, src, errs)
			s.endStage()
			s.traceLayer(l, s.y)
			return
		}
		// With a trace, a map may be larger than the buffer, which is made for fused layers.
		s.maps[buffer] = slices.Grow(s.maps[buffer][:0], n)
		dst := s.maps[buffer][:n]
		buffer = 1 - buffer
		m.convs[i].Run(s.pool, dst, src)
		src = dst[:n]
		s.endStage()
		s.traceLayer(l, src)
		if l.memory {
			dst = s.maps[buffer][:n]
			buffer = 1 - buffer
			queries := m.latentQueries()
			from := n - queries*l.out
			m.memory.Run(s.pool, dst[from:], src[from:], queries, nil)
			src = dst
			s.endStage()
			if s.trace != nil {
				s.trace("mem_rep", src)
			}
		}
	}
}

func (s *Scorer) endStage() {
	if s.onStage != nil {
		s.onStage()
	}
}

func (s *Scorer) traceLayer(l *layer, values []float32) {
	if s.trace == nil {
		return
	}
	name := l.activation
	if name == "" {
		name = l.name
	}
	s.trace(name, values)
}

// clipScore turns the summed errors into means, the clip's error and the peak.
func (s *Scorer) clipScore(x []float32, ignore []bool) (Score, error) {
	// Ignored pixels are checked too: a non-finite value anywhere means that the network or the clip is invalid.
	sum, kept := mean(s.errs, s.model.spec.ScoredFrames()), len(s.errs)
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return Score{}, nonFiniteError(x)
	}
	if ignore != nil {
		sum, kept = s.applyIgnore(ignore)
	}
	if kept == 0 {
		return Score{}, errors.New("every pixel of the picture is masked, so there is nothing to score")
	}
	motion, windows := s.blocks.peak(s.errs, s.change, s.front, ignore)
	score := Score{Reading: motion, Appearance: windows, Map: s.errs, Side: s.model.spec.Side}
	switch s.model.spec.Score {
	case BlockSq:
		score.Reading = windows
	case MeanAbs:
		score.Reading, score.Appearance = windows, Reading{}
		score.Error = sum / float64(kept)
	}
	return score, nil
}

// mean divides sums over the frames by their number, in place, and returns the sum of the means.
func mean(errs []float32, frames int) float64 {
	n := float32(frames)
	// Four independent sums hide the latency of an addition.
	var a, b, c, d float64
	rest := errs
	for ; len(rest) >= 4; rest = rest[4:] {
		p, q, r, s := rest[0]/n, rest[1]/n, rest[2]/n, rest[3]/n
		rest[0], rest[1], rest[2], rest[3] = p, q, r, s
		a, b, c, d = a+float64(p), b+float64(q), c+float64(r), d+float64(s)
	}
	for i, v := range rest {
		rest[i] = v / n
		a += float64(rest[i])
	}
	return (a + b) + (c + d)
}

// applyIgnore sets the ignored pixels of the maps to 0, and returns the sum and the number of the other pixels.
func (s *Scorer) applyIgnore(ignore []bool) (sum float64, kept int) {
	for i, ignored := range ignore {
		if !ignored {
			sum += float64(s.errs[i])
			kept++
			continue
		}
		s.errs[i] = 0
		if s.change != nil {
			s.change[i], s.front[i] = 0, 0
		}
	}
	return sum, kept
}

func nonFiniteError(x []float32) error {
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("a clip has the value %v at index %d, expected -1 to 1", v, i)
		}
	}
	return errors.New(
		"the reconstruction has values that are not finite: the weights or the clip are out of range")
}
