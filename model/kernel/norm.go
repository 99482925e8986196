package kernel

import "math"

// normChunk is about how many values an item of a batch norm covers.
const normChunk = 1 << 14

// Norm is a batch norm and the following LeakyReLU in training (Ioffe and Szegedy, 2015): mean and variance are those
// of the batch. Values are [pixels][channels], row-major. Short single-precision sums are accumulated in double
// precision, in chunks that depend on the shape alone, so the result does not depend on the number of threads.
type Norm struct {
	// Mean and Var are the batch's after Forward, per channel. Var is the biased estimate: divided by the number of
	// pixels.
	Mean, Var []float64

	set              *Set
	pixels, channels int
	repeat           int // pixels per row of the passes
	chunk            int // pixels of an item
	slope            float32
	epsilon          float64
	inv              []float64 // 1/sqrt(Var + epsilon)
	scale, shift     []float32 // Forward's factor and summand
	partial          []float64 // [chunks][2][channels]
	sums             []float64 // [2][channels]
	step             normStep
}

// NewNorm prepares a batch norm over the given number of pixels, in all clips and frames. slope is LeakyReLU's.
func NewNorm(set *Set, pixels, channels int, slope float32, epsilon float64) *Norm {
	n := &Norm{
		set: set, pixels: pixels, channels: channels, chunk: max(normChunk/channels, 1), slope: slope,
		epsilon: epsilon, repeat: 1,
	}
	// Several pixels of few channels are treated as one row, to fill the lanes.
	for r := 2; r <= 16 && channels%16 != 0; r *= 2 {
		if channels*r%16 == 0 && pixels%r == 0 {
			n.repeat, n.chunk = r, tiles(n.chunk, r)*r
			break
		}
	}
	n.Mean, n.Var, n.inv = make([]float64, channels), make([]float64, channels), make([]float64, channels)
	n.scale, n.shift = make([]float32, channels*n.repeat), make([]float32, channels*n.repeat)
	n.partial = make([]float64, tiles(pixels, n.chunk)*2*channels)
	n.sums = make([]float64, 2*channels)
	n.step.norm = n
	return n
}

// Forward computes y = LeakyReLU(gamma·(u-mean)/sqrt(var+epsilon) + beta), with the mean and variance of u over its
// pixels.
func (n *Norm) Forward(p *Pool, y, u, gamma, beta []float32) {
	n.step.run(p, normSum, y, u)
	count := float64(n.pixels)
	for c := range n.channels {
		mean := n.sums[c] / count
		n.Mean[c] = mean
		n.Var[c] = math.Max(n.sums[n.channels+c]/count-mean*mean, 0)
		n.inv[c] = 1 / math.Sqrt(n.Var[c]+n.epsilon)
		scale := float64(gamma[c]) * n.inv[c]
		n.scale[c] = float32(scale)
		n.shift[c] = float32(float64(beta[c]) - mean*scale)
	}
	n.repeatChannels(n.scale)
	n.repeatChannels(n.shift)
	n.step.run(p, normApply, y, u)
}

// Backward turns g, the gradient of Forward's y, into that of its u, in place, and writes the gradients of gamma and
// beta. u and gamma are those of the last Forward.
func (n *Norm) Backward(p *Pool, g, u, gamma, dGamma, dBeta []float32) {
	n.step.run(p, normGather, g, u)
	count := float64(n.pixels)
	for c := range n.channels {
		sum := n.sums[c]
		along := (n.sums[n.channels+c] - n.Mean[c]*sum) * n.inv[c]
		dBeta[c], dGamma[c] = float32(sum), float32(along)
		// g·k - k·sum/count - (u-mean)·k·inv·along/count, with the coefficients of u collected.
		k := float64(gamma[c]) * n.inv[c]
		slant := k * n.inv[c] * along / count
		n.step.own[c], n.step.along[c] = float32(k), float32(slant)
		n.step.all[c] = float32(n.Mean[c]*slant - k*sum/count)
	}
	n.repeatChannels(n.step.own)
	n.repeatChannels(n.step.along)
	n.repeatChannels(n.step.all)
	n.step.run(p, normSpread, g, u)
}

// repeatChannels repeats the values of the channels over the whole row.
func (n *Norm) repeatChannels(row []float32) {
	for at := n.channels; at < len(row); at += n.channels {
		copy(row[at:], row[:n.channels])
	}
}

type normPass int

const (
	normSum    normPass = iota // sums of u and u²
	normApply                  // y from u
	normGather                 // g becomes the gradient before LeakyReLU; sums of g and g·u
	normSpread                 // g becomes the gradient of u
)

type normStep struct {
	norm            *Norm
	pass            normPass
	a, u            []float32 // y or g, and u
	own, along, all []float32 // factors of normSpread
}

func (s *normStep) run(p *Pool, pass normPass, a, u []float32) {
	n := s.norm
	if s.own == nil {
		row := len(n.scale)
		s.own, s.along, s.all = make([]float32, row), make([]float32, row), make([]float32, row)
	}
	values := n.pixels * n.channels
	s.pass, s.a, s.u = pass, a[:values], u[:values]
	chunks := tiles(n.pixels, n.chunk)
	p.run(chunks, s)
	s.a, s.u = nil, nil
	if pass == normApply || pass == normSpread {
		return
	}
	clear(n.sums)
	for i := range chunks {
		for c, v := range n.partial[i*len(n.sums):][:len(n.sums)] {
			n.sums[c] += v
		}
	}
}

// normSingleRun is how many values are summed in single precision before they are added to the double-precision sums.
const normSingleRun = 1 << 12

func (s *normStep) do(w *worker, item int) {
	n := s.norm
	from := item * n.chunk * n.channels
	to := min(from+n.chunk*n.channels, len(s.u))
	a, u := s.a[from:to], s.u[from:to]
	switch s.pass {
	case normApply:
		n.set.ScaleShift(a, u, n.scale, n.shift, n.slope)
		return
	case normSpread:
		n.set.SpreadBack(a, u, s.own, s.along, s.all)
		return
	}
	row := len(n.scale)
	part := n.partial[item*2*n.channels:][:2*n.channels]
	clear(part)
	w.rows = grow(w.rows, 2*row)
	first, second := w.rows[:row], w.rows[row:]
	length := max(normSingleRun/row, 1) * row
	for len(u) > 0 {
		l := min(length, len(u))
		clear(w.rows)
		if s.pass == normSum {
			n.set.SumSquares(first, second, u[:l])
		} else {
			n.set.GatherSums(a[:l], u[:l], n.scale, n.shift, first, second, n.slope)
		}
		for c, v := range first {
			part[c%n.channels] += float64(v)
		}
		for c, v := range second {
			part[n.channels+c%n.channels] += float64(v)
		}
		a, u = a[l:], u[l:]
	}
}
