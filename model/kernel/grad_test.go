package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The tests below compare gradients with central differences of the operation's definition in double precision. Each
// test reduces the result of an operation to one number by a random weighting, which is the gradient that the backward
// pass starts from.

func fill64(r *rand.Rand, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		// Values that are exact in both precisions.
		s[i] = float64(float32(r.NormFloat64()))
	}
	return s
}

func single(s []float64) []float32 {
	out := make([]float32, len(s))
	for i, v := range s {
		out[i] = float32(v)
	}
	return out
}

// checkGradient compares got with the central differences of f with respect to every step-th value.
func checkGradient(t *testing.T, what string, got []float32, values []float64, step int, f func() float64) {
	t.Helper()
	const h = 1e-5
	if len(got) != len(values) {
		t.Fatalf("%s: %d gradients for %d values", what, len(got), len(values))
	}
	var largest, worst float64
	for _, v := range got {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	for i := 0; i < len(values); i += step {
		was := values[i]
		values[i] = was + h
		up := f()
		values[i] = was - h
		want := (up - f()) / (2 * h)
		values[i] = was
		d := math.Abs(float64(got[i]) - want)
		if !(d <= 2e-5*(largest+1e-2)) {
			t.Fatalf("%s %d: gradient %v, central difference %v, largest %v", what, i, got[i], want, largest)
		}
		worst = math.Max(worst, d/(largest+1e-2))
	}
	t.Logf("%s: worst difference %.2g of the largest gradient", what, worst)
}

// convolve is Σ d·conv(src, weights), with weights [out][in][27] or, for a transposed one, [in][out][27].
func (s shape) convolve(src, weights, d []float64) float64 {
	a := s.axes()
	sum := 0.0
	for at, g := range d {
		o, p := at%s.out, at/s.out
		position := [3]int{p / a[2].Out / a[1].Out, p / a[2].Out % a[1].Out, p % a[2].Out}
		for k := range 27 {
			from, ok := s.source(position, [3]int{k / 9, k / 3 % 3, k % 3})
			if !ok {
				continue
			}
			for i := range s.in {
				w := (o*s.in+i)*27 + k
				if s.up {
					w = (i*s.out+o)*27 + k
				}
				sum += g * src[((from[0]*s.size[1]+from[1])*s.size[2]+from[2])*s.in+i] * weights[w]
			}
		}
	}
	return sum
}

// reversed are the axes of the input gradient.
func (s shape) reversed() [3]Axis {
	var b [3]Axis
	for d, a := range s.axes() {
		if s.up {
			b[d] = ConvAxis(a.Out, s.stride[d])
		} else {
			b[d] = TransposedConvAxis(a.Out, s.stride[d])
		}
	}
	return b
}

func TestConvGradients(t *testing.T) {
	shapes := []shape{
		{size: [3]int{4, 8, 8}, stride: [3]int{1, 2, 2}, in: 1, out: 3},
		{size: [3]int{4, 4, 6}, stride: [3]int{2, 2, 2}, in: 3, out: 5},
		{size: [3]int{2, 2, 2}, stride: [3]int{2, 2, 2}, in: 8, out: 6},
		{size: [3]int{3, 4, 5}, stride: [3]int{1, 2, 1}, in: 5, out: 7},
		{up: true, size: [3]int{2, 1, 1}, stride: [3]int{2, 2, 2}, in: 6, out: 8},
		{up: true, size: [3]int{2, 3, 5}, stride: [3]int{2, 2, 2}, in: 4, out: 3},
		{up: true, size: [3]int{3, 4, 4}, stride: [3]int{1, 2, 2}, in: 5, out: 1},
	}
	eachSet(t, func(t *testing.T, set *Set) {
		for n, s := range shapes {
			r := newRand(uint64(n))
			c := NewConv(set, s.axes(), s.in, s.out, 1)
			src, weights, d := fill64(r, 2*c.SrcLen()), fill64(r, s.in*s.out*27), fill64(r, 2*c.DstLen())
			f := func() float64 {
				return s.convolve(src[:c.SrcLen()], weights, d[:c.DstLen()]) + s.convolve(src[c.SrcLen():], weights,
					d[c.DstLen():])
			}
			small, large, outStride, inStride := single(d), single(src), s.in*27, 27
			down, back := s.axes(), s.reversed()
			channels := [2]int{s.in, s.out}
			if s.up {
				small, large, outStride, inStride = large, small, 27, s.out*27
				down, channels = back, [2]int{s.out, s.in}
			}
			g := NewWeightGrad(set, down, channels[0], channels[1])
			input := NewConv(set, back, s.out, s.in, 1)
			input.Pack(single(weights), inStride, outStride, nil)
			var first []float32
			for _, threads := range []int{1, 3} {
				pool := NewPool(threads)
				dW, intact := guarded(r, g.Len())
				// The pool's buffers hold values of a larger layer.
				pool.weights.copied = fill(r, make([]float32, 4*g.volume()))
				pool.weights.packed = fill(r, make([]float32, 100_000))
				pool.weights.partial = fill(r, make([]float32, 100_000))
				g.Run(pool, dW, large, small, 2)
				dx := make([]float32, input.DstLen())
				input.Run(pool, dx, single(d)[:input.SrcLen()])
				pool.Close()
				if !intact() {
					t.Fatal("wrote outside the gradient")
				}
				if first == nil {
					first = dW
					checkGradient(t, "weight", dW, weights, 1+len(weights)/150, f)
					checkGradient(t, "input", dx, src[:c.SrcLen()], 1+len(dx)/100, f)
				}
				if !sameBits(first, dW) {
					t.Error("3 threads give other bits than 1")
				}
			}
		}
	})
}

func TestNormGradients(t *testing.T) {
	eachSet(t, checkNorms)
}

func checkNorms(t *testing.T, set *Set) {
	t.Helper()
	const slope, epsilon = 0.2, 1e-5
	for _, size := range []struct{ pixels, channels int }{{2, 1}, {7, 3}, {300, 5}, {9000, 4}, {600, 16}, {70, 48}} {
		r := newRand(uint64(size.pixels))
		channels := size.channels
		n := NewNorm(set, size.pixels, channels, slope, epsilon)
		u, gamma, beta, d := fill64(r, size.pixels*channels), fill64(r, channels), fill64(r, channels),
			fill64(r, size.pixels*channels)
		f := func() float64 {
			sum := 0.0
			for c := range channels {
				var mean, variance float64
				for i := c; i < len(u); i += channels {
					mean += u[i] / float64(size.pixels)
				}
				for i := c; i < len(u); i += channels {
					variance += (u[i] - mean) * (u[i] - mean) / float64(size.pixels)
				}
				for i := c; i < len(u); i += channels {
					sum += d[i] * leaky((u[i]-mean)/math.Sqrt(variance+epsilon)*gamma[c]+beta[c], slope)
				}
			}
			return sum
		}
		var first []float32
		for _, threads := range []int{1, 3} {
			pool := NewPool(threads)
			y, g := make([]float32, len(u)), single(d)
			n.Forward(pool, y, single(u), single(gamma), single(beta))
			sum := 0.0
			for i, v := range y {
				sum += float64(v) * d[i]
			}
			if want := f(); math.Abs(sum-want) > 1e-4*float64(size.pixels) {
				t.Errorf("%+v: the weighted sum of the result is %v, want %v", size, sum, want)
			}
			dGamma, dBeta := make([]float32, channels), make([]float32, channels)
			n.Backward(pool, g, single(u), single(gamma), dGamma, dBeta)
			pool.Close()
			all := append(append(append([]float32(nil), g...), dGamma...), dBeta...)
			if first == nil {
				first = all
				checkGradient(t, "u", g, u, 1+len(u)/60, f)
				checkGradient(t, "gamma", dGamma, gamma, 1, f)
				checkGradient(t, "beta", dBeta, beta, 1, f)
			}
			if !sameBits(first, all) {
				t.Error("3 threads give other bits than 1")
			}
		}
	}
}

// readMemory is Σ d·read + entropy·(mean entropy), by definition.
func readMemory(z, slots, d []float64, width int, lambda, entropy float64, cosine bool) float64 {
	norm := func(v []float64) float64 {
		sum := 0.0
		for _, x := range v {
			sum += x * x
		}
		if !cosine {
			return 1
		}
		return math.Max(math.Sqrt(sum), 1e-12)
	}
	count, queries := len(slots)/width, len(z)/width
	total := 0.0
	for q := range queries {
		w, sum := make([]float64, count), 0.0
		for s := range w {
			for c := range width {
				w[s] += z[q*width+c] * slots[s*width+c]
			}
			w[s] = math.Exp(w[s] / norm(z[q*width:][:width]) / norm(slots[s*width:][:width]))
			sum += w[s]
		}
		left := 0.0
		for s := range w {
			w[s] /= sum
			if lambda > 0 {
				w[s] = math.Max(w[s]-lambda, 0) * w[s] / (math.Abs(w[s]-lambda) + 1e-12)
			}
			left += w[s]
		}
		for s := range w {
			if lambda > 0 {
				w[s] /= math.Max(left, 1e-12)
			}
			total -= entropy * w[s] * math.Log(w[s]+1e-12) / float64(queries)
			for c := range width {
				total += d[q*width+c] * w[s] * slots[s*width+c]
			}
		}
	}
	return total
}

func TestMemoryGradients(t *testing.T) {
	cases := []struct {
		queries, slots, width int
		lambda                float64
		cosine                bool
	}{
		{4, 7, 6, 1. / 7, false},
		{4, 7, 6, 1. / 7, true},
		{27, 30, 5, 1. / 30, false},
		{13, 30, 5, 0, false},
		{13, 11, 5, 0, true},
		{26, 14, 3, 0.15, false},
	}
	eachSet(t, func(t *testing.T, set *Set) {
		for n, c := range cases {
			r := newRand(uint64(n) + 20)
			z, slots, d := fill64(r, c.queries*c.width), fill64(r, c.slots*c.width), fill64(r, c.queries*c.width)
			const entropy = 0.7
			f := func() float64 {
				return readMemory(z, slots, d, c.width, float64(float32(c.lambda)), entropy,
					c.cosine)
			}
			m := NewMemory(set, c.slots, c.width, float32(c.lambda), c.cosine)
			m.Pack(single(slots))
			g := NewMemoryGrad(set, m, c.queries)
			var first []float32
			for _, threads := range []int{1, 3} {
				pool := NewPool(threads)
				read, w := make([]float32, len(z)), make([]float32, c.queries*c.slots)
				m.Run(pool, read, single(z), c.queries, w)
				sum := entropy * Entropy(pool, w, c.slots)
				for i, v := range read {
					sum += float64(v) * d[i]
				}
				if want := f(); math.Abs(sum-want) > 1e-4 {
					t.Errorf("%+v: the weighted sum of the read is %v, want %v", c, sum, want)
				}
				dz, dSlots := make([]float32, len(z)), make([]float32, len(slots))
				g.Run(pool, dz, dSlots, single(d), single(z), single(slots), w, entropy)
				pool.Close()
				all := append(append([]float32(nil), dz...), dSlots...)
				if first == nil {
					first = all
					checkGradient(t, "query", dz, z, 1, f)
					checkGradient(t, "slot", dSlots, slots, 1, f)
				}
				if !sameBits(first, all) {
					t.Error("3 threads give other bits than 1")
				}
			}
		}
	})
}

func TestLossGradient(t *testing.T) {
	const clips, frames, area, limit = 2, 3, 10, 0.2
	r := newRand(1)
	y, x := fill64(r, clips*frames*area), fill64(r, clips*frames*area)
	mask := make([]float32, clips*area)
	for i := range mask {
		mask[i] = float32(r.IntN(2))
	}
	// Beyond the limit the gradient is 0; these values lie on both sides of it.
	f := func() float64 {
		sum := 0.0
		for i := range y {
			square := (y[i] - x[i]) * (y[i] - x[i])
			if mask[i/frames/area*area+i%area] != 0 {
				square = -math.Min(square, limit)
			}
			sum += square
		}
		return sum / float64(len(y))
	}
	pool := NewPool(2)
	defer pool.Close()
	l := NewLoss(clips, frames, area, limit)
	if got, want := l.Forward(pool, single(y), single(x), mask), f(); math.Abs(got-want) > 1e-6 {
		t.Errorf("loss %v, want %v", got, want)
	}
	d := make([]float32, len(y))
	l.Backward(pool, d, single(y), single(x), mask, 1)
	checkGradient(t, "y", d, y, 1, f)
}

func TestSum(t *testing.T) {
	for _, n := range []int{0, 1, 5, sumChunk, 3*sumChunk + 7} {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i%1000) - 400
		}
		var want float64
		for _, v := range values {
			want += float64(v)
		}
		for _, threads := range []int{1, 3} {
			pool := NewPool(threads)
			if got := Sum(pool, values); got != want {
				t.Errorf("%d values, %d threads: %v, want %v", n, threads, got, want)
			}
			pool.Close()
		}
	}
}
