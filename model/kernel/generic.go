package kernel

import (
	"math"
	"runtime"
	"unsafe"
)

// goSet is the reference in pure Go. The tile sizes fit amd64's 16 scalar registers without spilling: 3x2 sums, 2
// weights and 6 products.
var goSet = Set{
	Name:       "go",
	Micros:     []Micro{{Pixels: 3, Channels: 2, Run: tile3x2}, {Pixels: 6, Channels: 1, Run: tile6x1}},
	Lanes:      8,
	Address:    address,
	Residual:   residual,
	Transpose:  transpose(8),
	Merge:      merge,
	SumSquares: sumSquares,
	ScaleShift: scaleShift,
	GatherSums: gatherSums,
	SpreadBack: spreadBack,
	Peak:       peakGo,
	PeakFLOPs:  24,
}

// peakGo performs 12 independent multiply-adds per round.
func peakGo(n int) {
	var s [12]float32
	a, b, c, d, e, f := s[0], s[1], s[2], s[3], s[4], s[5]
	g, h, i, j, k, l := s[6], s[7], s[8], s[9], s[10], s[11]
	x, y := float32(n), s[0]
	for range n {
		a, b, c, d = a+x*y, b+x*y, c+x*y, d+x*y
		e, f, g, h = e+x*y, f+x*y, g+x*y, h+x*y
		i, j, k, l = i+x*y, j+x*y, k+x*y, l+x*y
		x = -x
	}
	// Keeps the compiler from eliminating the measured work.
	runtime.KeepAlive(a + b + c + d + e + f + g + h + i + j + k + l)
}

func tile3x2(t *Tile) {
	for from := 0; from < len(t.Pixels); from += 3 {
		t.group3x2(t.Pixels[from:][:3], t.Out[from:][:3])
	}
}

func (t *Tile) group3x2(pixels, out []int32) {
	p0, p1, p2 := int(pixels[0]), int(pixels[1]), int(pixels[2])
	var sum [3][2]float32
	t.start(out, sum[0][:], sum[1][:], sum[2][:])
	a0, a1 := sum[0][0], sum[0][1]
	b0, b1 := sum[1][0], sum[1][1]
	c0, c1 := sum[2][0], sum[2][1]
	for i := range t.Taps {
		tap := &t.Taps[i]
		n := tap.Len
		if t.SrcStep != 1 || t.WeightStep != 2 {
			// A gradient's tap: the same number of steps, strided.
			src, w := tap.Src, t.WeightStep*tap.Weight
			for range n {
				w0, w1 := t.Weights[w], t.Weights[w+1]
				v := t.Src[p0+src]
				a0 += v * w0
				a1 += v * w1
				v = t.Src[p1+src]
				b0 += v * w0
				b1 += v * w1
				v = t.Src[p2+src]
				c0 += v * w0
				c1 += v * w1
				src += t.SrcStep
				w += t.WeightStep
			}
			continue
		}
		s0 := t.Src[p0+tap.Src:][:n]
		s1 := t.Src[p1+tap.Src:][:n]
		s2 := t.Src[p2+tap.Src:][:n]
		w := pairs(t.Weights[2*tap.Weight:][:2*n])[:n]
		// Equal lengths let the compiler omit the bounds checks below.
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
	for i, at := range out {
		t.store(int(at), sum[i][:])
	}
}

func tile6x1(t *Tile) {
	for from := 0; from < len(t.Pixels); from += 6 {
		t.group6x1(t.Pixels[from:][:6], t.Out[from:][:6])
	}
}

func (t *Tile) group6x1(pixels, out []int32) {
	p0, p1, p2 := int(pixels[0]), int(pixels[1]), int(pixels[2])
	p3, p4, p5 := int(pixels[3]), int(pixels[4]), int(pixels[5])
	var sum [6][1]float32
	t.start(out, sum[0][:], sum[1][:], sum[2][:], sum[3][:], sum[4][:], sum[5][:])
	a, b, c, d, e, f := sum[0][0], sum[1][0], sum[2][0], sum[3][0], sum[4][0], sum[5][0]
	for i := range t.Taps {
		tap := &t.Taps[i]
		n := tap.Len
		if t.SrcStep != 1 || t.WeightStep != 1 {
			src, w := tap.Src, t.WeightStep*tap.Weight
			for range n {
				v := t.Weights[w]
				a += t.Src[p0+src] * v
				b += t.Src[p1+src] * v
				c += t.Src[p2+src] * v
				d += t.Src[p3+src] * v
				e += t.Src[p4+src] * v
				f += t.Src[p5+src] * v
				src += t.SrcStep
				w += t.WeightStep
			}
			continue
		}
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
	for i, at := range out {
		t.store(int(at), sum[i][:])
	}
}

// start initialises the sums of a group, with the bias or with the destination's values.
func (t *Tile) start(out []int32, rows ...[]float32) {
	for i, row := range rows {
		if t.Bias != nil {
			copy(row, t.Bias)
		} else {
			copy(row, t.Dst[out[i]:][:t.Channels])
		}
	}
}

func (t *Tile) store(out int, row []float32) {
	// The signs of activations are random, and a mispredicted branch costs more than ten products.
	factor := [2]float32{1, t.Slope}
	dst := t.Dst[out:][:t.Channels]
	for c := range dst {
		v := row[c]
		dst[c] = v * factor[math.Float32bits(v)>>31]
	}
}

// pairs views w, of even length, as rows of two.
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
	left := shrink(row, scale, lambda)
	// A row of zeros stays zero; a NaN propagates.
	if left < 1e-12 {
		left = 1e-12
	}
	scale = float32(1 / left)
	for i := range row {
		row[i] *= scale
	}
}

// shrink replaces each value by scale·value, hard-shrunk at lambda (Gong et al., ICCV 2019, equation 7), and returns
// their sum.
func shrink(row []float32, scale, lambda float32) float64 {
	var left float64
	for i, v := range row {
		w := v * scale
		d := w - lambda
		// False for a NaN, which then propagates.
		if d <= 0 {
			row[i] = 0
			continue
		}
		w = d * w / (d + 1e-12)
		row[i] = w
		left += float64(w)
	}
	return left
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
