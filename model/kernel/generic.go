package kernel

import (
	"math"
	"unsafe"
)

// The tile sizes are what amd64's 16 scalar registers hold without spilling: 3x2 sums, 2 weights and 6 products.
var goSet = Set{
	Name:     "go",
	Micros:   []Micro{{Pixels: 3, Channels: 2, Run: tile3x2}, {Pixels: 6, Channels: 1, Run: tile6x1}},
	Address:  address,
	Residual: residual,
}

func tile3x2(t *Tile) {
	last := len(t.Pixels) - 1
	// A tile that is not full computes its last pixel more than once and stores it once.
	p0, p1, p2 := t.Pixels[0], t.Pixels[min(1, last)], t.Pixels[min(2, last)]
	var sum [3][2]float32
	t.start(sum[0][:], sum[1][:], sum[2][:])
	a0, a1 := sum[0][0], sum[0][1]
	b0, b1 := sum[1][0], sum[1][1]
	c0, c1 := sum[2][0], sum[2][1]
	for i := range t.Taps {
		tap := &t.Taps[i]
		n := tap.Len
		s0 := t.Src[p0+tap.Src:][:n]
		s1 := t.Src[p1+tap.Src:][:n]
		s2 := t.Src[p2+tap.Src:][:n]
		w := pairs(t.Weights[2*tap.Weight:][:2*n])[:n]
		// Equal lengths, said so that the compiler leaves out the bounds checks below.
		s1, s2, w = s1[:len(s0)], s2[:len(s0)], w[:len(s0)]
		for k := range s0 {
			row := &w[k]
			w0, w1 := row[0], row[1]
			v := s0[k]
			a0 += v * w0
			a1 += v * w1
			v = s1[k]
			b0 += v * w0
			b1 += v * w1
			v = s2[k]
			c0 += v * w0
			c1 += v * w1
		}
	}
	sum = [3][2]float32{{a0, a1}, {b0, b1}, {c0, c1}}
	for i, out := range t.Out {
		t.store(out, sum[i][:])
	}
}

func tile6x1(t *Tile) {
	last := len(t.Pixels) - 1
	p0, p1, p2 := t.Pixels[0], t.Pixels[min(1, last)], t.Pixels[min(2, last)]
	p3, p4, p5 := t.Pixels[min(3, last)], t.Pixels[min(4, last)], t.Pixels[min(5, last)]
	var sum [6][1]float32
	t.start(sum[0][:], sum[1][:], sum[2][:], sum[3][:], sum[4][:], sum[5][:])
	a, b, c, d, e, f := sum[0][0], sum[1][0], sum[2][0], sum[3][0], sum[4][0], sum[5][0]
	for i := range t.Taps {
		tap := &t.Taps[i]
		n := tap.Len
		w := t.Weights[tap.Weight:][:n]
		s0, s1 := t.Src[p0+tap.Src:][:n], t.Src[p1+tap.Src:][:n]
		s2, s3 := t.Src[p2+tap.Src:][:n], t.Src[p3+tap.Src:][:n]
		s4, s5 := t.Src[p4+tap.Src:][:n], t.Src[p5+tap.Src:][:n]
		s0, s1, s2 = s0[:len(w)], s1[:len(w)], s2[:len(w)]
		s3, s4, s5 = s3[:len(w)], s4[:len(w)], s5[:len(w)]
		for k, v := range w {
			a += s0[k] * v
			b += s1[k] * v
			c += s2[k] * v
			d += s3[k] * v
			e += s4[k] * v
			f += s5[k] * v
		}
	}
	sum = [6][1]float32{{a}, {b}, {c}, {d}, {e}, {f}}
	for i, out := range t.Out {
		t.store(out, sum[i][:])
	}
}

// start fills the sums that a tile begins with. Rows beyond the tile's pixels are never stored and stay 0.
func (t *Tile) start(rows ...[]float32) {
	for i, row := range rows[:len(t.Pixels)] {
		if t.Bias != nil {
			copy(row, t.Bias)
		} else {
			copy(row, t.Dst[t.Out[i]:][:t.Channels])
		}
	}
}

func (t *Tile) store(out int, row []float32) {
	// Signs of activations are a coin's, and a mispredicted branch costs more than ten products.
	factor := [2]float32{1, t.Slope}
	dst := t.Dst[out:][:t.Channels]
	for c := range dst {
		v := row[c]
		dst[c] = v * factor[math.Float32bits(v)>>31]
	}
}

// pairs sees w, of even length, as rows of two.
func pairs(w []float32) [][2]float32 {
	return unsafe.Slice((*[2]float32)(unsafe.Pointer(unsafe.SliceData(w))), len(w)/2)
}

func address(row []float32, lambda float32) {
	top := float32(math.Inf(-1))
	for _, v := range row {
		if v > top {
			top = v
		}
	}
	var sum float64
	for i, v := range row {
		e := math.Exp(float64(v - top))
		row[i] = float32(e)
		sum += e
	}
	scale := float32(1 / sum)
	if lambda <= 0 {
		for i := range row {
			row[i] *= scale
		}
		return
	}
	var left float64
	for i, v := range row {
		w := v * scale
		d := w - lambda
		// Written so that a NaN passes through.
		if d <= 0 {
			row[i] = 0
			continue
		}
		w = d * w / (d + 1e-12)
		row[i] = w
		left += float64(w)
	}
	// A row of zeros stays one; a NaN stays one too.
	if left < 1e-12 {
		left = 1e-12
	}
	scale = float32(1 / left)
	for i := range row {
		row[i] *= scale
	}
}

func residual(sum, y, x []float32, square bool) {
	y, x = y[:len(sum)], x[:len(sum)]
	if square {
		for i := range sum {
			r := y[i] - x[i]
			sum[i] += r * r
		}
		return
	}
	for i := range sum {
		sum[i] += math.Float32frombits(math.Float32bits(y[i]-x[i]) &^ (1 << 31))
	}
}
