package kernel

import "math"

// normChunk is about how many values an item of a batch norm passes over.
const normChunk = 1 << 14

// Norm is a batch norm and the LeakyReLU behind it as training needs them (Ioffe and Szegedy, 2015): mean and variance
// are those of the batch. Its values are [pixels][channels], row-major. Sums are taken in double precision, in pieces that depend on
// the shape alone, so the number of threads changes nothing.
type Norm struct {
	// Mean and Var are the batch's after Forward, per channel; Var is divided by the number of pixels, not by one less.
	Mean, Var []float64

	pixels, channels int
	chunk            int // pixels of an item
	slope            float32
	epsilon          float64
	inv              []float64 // 1/sqrt(Var + epsilon)
	scale, shift     []float32 // what Forward multiplies by and adds
	partial          []float64 // [chunks][2][channels]
	sums             []float64 // [2][channels]
	step             normStep
}

// NewNorm makes room for a batch of so many pixels, all clips and frames counted. slope is LeakyReLU's.
func NewNorm(pixels, channels int, slope float32, epsilon float64) *Norm {
	n := &Norm{pixels: pixels, channels: channels, chunk: max(normChunk/channels, 1), slope: slope, epsilon: epsilon}
	n.Mean, n.Var, n.inv = make([]float64, channels), make([]float64, channels), make([]float64, channels)
	n.scale, n.shift = make([]float32, channels), make([]float32, channels)
	n.partial = make([]float64, tiles(pixels, n.chunk)*2*channels)
	n.sums = make([]float64, 2*channels)
	n.step.norm = n
	return n
}

// Forward computes y = LeakyReLU(gamma·(u-mean)/sqrt(var+epsilon) + beta) with the mean and the variance of u over its pixels.
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
	n.step.run(p, normApply, y, u)
}

// Backward turns g, the gradient toward Forward's y, into the gradient toward its u, in place, and writes the gradients
// toward gamma and beta. u and gamma are those of the last Forward.
func (n *Norm) Backward(p *Pool, g, u, gamma, dGamma, dBeta []float32) {
	n.step.run(p, normGather, g, u)
	count := float64(n.pixels)
	for c := range n.channels {
		sum := n.sums[c]
		along := (n.sums[n.channels+c] - n.Mean[c]*sum) * n.inv[c]
		dBeta[c], dGamma[c] = float32(sum), float32(along)
		k := float64(gamma[c]) * n.inv[c]
		n.step.own[c] = float32(k)
		n.step.along[c] = float32(k * n.inv[c] * along / count)
		n.step.all[c] = float32(k * sum / count)
		n.step.mean[c] = float32(n.Mean[c])
	}
	n.step.run(p, normSpread, g, u)
}

type normPass int

const (
	normSum    normPass = iota // sums of u and u²
	normApply                  // y from u
	normGather                 // g becomes the gradient before LeakyReLU; its sums, and those of g·u
	normSpread                 // g becomes the gradient toward u
)

type normStep struct {
	norm                  *Norm
	pass                  normPass
	a, u                  []float32 // y or g, and u
	own, along, all, mean []float32 // factors of normSpread
}

func (s *normStep) run(p *Pool, pass normPass, a, u []float32) {
	n := s.norm
	if s.own == nil {
		s.own, s.along = make([]float32, n.channels), make([]float32, n.channels)
		s.all, s.mean = make([]float32, n.channels), make([]float32, n.channels)
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

func (s *normStep) do(_ *worker, item int) {
	n := s.norm
	from := item * n.chunk * n.channels
	to := min(from+n.chunk*n.channels, len(s.u))
	a, u := s.a[from:to], s.u[from:to]
	part := n.partial[item*2*n.channels:][:2*n.channels]
	first, second := part[:n.channels], part[n.channels:]
	switch s.pass {
	case normSum:
		clear(part)
		sumSquares(u, first, second)
	case normApply:
		n.apply(a, u)
	case normGather:
		clear(part)
		n.gather(a, u, first, second)
	case normSpread:
		s.spread(a, u)
	}
}

func sumSquares(u []float32, sum, square []float64) {
	for ; len(u) >= len(sum); u = u[len(sum):] {
		row := u[:len(sum)]
		sum, square := sum[:len(row)], square[:len(row)]
		for c, x := range row {
			v := float64(x)
			sum[c] += v
			square[c] += v * v
		}
	}
}

func (n *Norm) apply(y, u []float32) {
	factor := [2]float32{1, n.slope}
	scale := n.scale
	for ; len(u) >= len(scale); u, y = u[len(scale):], y[len(scale):] {
		row, out, shift := u[:len(scale)], y[:len(scale)], n.shift[:len(scale)]
		for c, k := range scale {
			v := row[c]*k + shift[c]
			out[c] = v * factor[math.Float32bits(v)>>31]
		}
	}
}

func (n *Norm) gather(g, u []float32, sum, along []float64) {
	factor := [2]float32{1, n.slope}
	scale := n.scale
	for ; len(u) >= len(scale); u, g = u[len(scale):], g[len(scale):] {
		row, grad, shift := u[:len(scale)], g[:len(scale)], n.shift[:len(scale)]
		sum, along := sum[:len(scale)], along[:len(scale)]
		for c, k := range scale {
			x := row[c]
			v := x*k + shift[c]
			d := grad[c] * factor[math.Float32bits(v)>>31]
			grad[c] = d
			sum[c] += float64(d)
			along[c] += float64(d) * float64(x)
		}
	}
}

func (s *normStep) spread(g, u []float32) {
	own := s.own
	for ; len(u) >= len(own); u, g = u[len(own):], g[len(own):] {
		row, grad := u[:len(own)], g[:len(own)]
		along, all, mean := s.along[:len(own)], s.all[:len(own)], s.mean[:len(own)]
		for c, k := range own {
			grad[c] = grad[c]*k - all[c] - (row[c]-mean[c])*along[c]
		}
	}
}
