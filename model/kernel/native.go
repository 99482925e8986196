//go:build amd64

package kernel

import "math"

// passes are the assembly functions of one instruction set, for rows whose lengths are multiples of lanes. The
// remainder is computed in Go.
type passes struct {
	lanes          int
	rowMax         func(row *float32, n int) float32
	rowExp         func(row *float32, n int, top float32) float32
	rowShrink      func(row *float32, n int, scale, lambda float32) float32
	rowScale       func(row *float32, n int, scale float32)
	absResidual    func(sum, y, x *float32, n int)
	squareResidual func(sum, y, x *float32, n int)
	transpose      func(dst *float32, dstStep int, src *float32, srcStep int)
	merge          func(dst, base *float32, even *int32, evens int, odd *int32, odds, n int, bias float32, add int)
	sumSquares     func(u, sum, square *float32, pixels, channels int)
	scaleShift     func(y, u, scale, shift *float32, pixels, channels int, slope float32)
	gatherSums     func(g, u, scale, shift, sum, along *float32, pixels, channels int, slope float32)
	spreadBack     func(g, u, own, along, all *float32, pixels, channels int)
}

// set makes a Set from the passes and micro-kernels.
func (s *passes) set(name string, micros []Micro, peak func(int), peakFLOPs int) Set {
	return Set{
		Name: name, Micros: micros, Lanes: s.lanes, Peak: peak, PeakFLOPs: peakFLOPs,
		Address: s.address, Residual: s.residual,
		Transpose: func(dst []float32, dstStep int, src []float32, srcStep int) {
			_, _ = dst[(s.lanes-1)*(dstStep+1)], src[(s.lanes-1)*(srcStep+1)]
			s.transpose(&dst[0], dstStep, &src[0], srcStep)
		},
		Merge: s.mergeRows,
		SumSquares: func(sum, square, u []float32) {
			if len(sum)%s.lanes != 0 || len(u) == 0 {
				sumSquares(sum, square, u)
				return
			}
			_ = square[len(sum)-1]
			s.sumSquares(&u[0], &sum[0], &square[0], len(u)/len(sum), len(sum))
		},
		ScaleShift: func(y, u, scale, shift []float32, slope float32) {
			if len(scale)%s.lanes != 0 || len(u) == 0 {
				scaleShift(y, u, scale, shift, slope)
				return
			}
			_, _ = y[len(u)-1], shift[len(scale)-1]
			s.scaleShift(&y[0], &u[0], &scale[0], &shift[0], len(u)/len(scale), len(scale), slope)
		},
		GatherSums: func(g, u, scale, shift, sum, along []float32, slope float32) {
			n := len(scale)
			if n%s.lanes != 0 || len(u) == 0 {
				gatherSums(g, u, scale, shift, sum, along, slope)
				return
			}
			_, _, _, _ = g[len(u)-1], shift[n-1], sum[n-1], along[n-1]
			s.gatherSums(&g[0], &u[0], &scale[0], &shift[0], &sum[0], &along[0], len(u)/n, n, slope)
		},
		SpreadBack: func(g, u, own, along, all []float32) {
			n := len(own)
			if n%s.lanes != 0 || len(u) == 0 {
				spreadBack(g, u, own, along, all)
				return
			}
			_, _, _ = g[len(u)-1], along[n-1], all[n-1]
			s.spreadBack(&g[0], &u[0], &own[0], &along[0], &all[0], len(u)/n, n)
		},
	}
}

func (s *passes) mergeRows(dst, base []float32, even, odd []int32, bias float32, add bool) {
	n := len(dst) / 2
	if n%s.lanes != 0 || n == 0 || len(even) == 0 || len(odd) == 0 {
		merge(dst, base, even, odd, bias, add)
		return
	}
	for _, list := range [2][]int32{even, odd} {
		for _, at := range list {
			_ = base[int(at):][n-1]
		}
	}
	onTop := 0
	if add {
		onTop = 1
	}
	s.merge(&dst[0], &base[0], &even[0], len(even), &odd[0], len(odd), n, bias, onTop)
}

func (s *passes) residual(sum, y, x []float32, square bool) {
	n := len(sum) / s.lanes * s.lanes
	y, x = y[:len(sum)], x[:len(sum)]
	switch {
	case n == 0:
	case square:
		s.squareResidual(&sum[0], &y[0], &x[0], n)
	default:
		s.absResidual(&sum[0], &y[0], &x[0], n)
	}
	residual(sum[n:], y[n:], x[n:], square)
}

func (s *passes) address(row []float32, lambda float32) {
	n := len(row) / s.lanes * s.lanes
	if n == 0 {
		address(row, lambda)
		return
	}
	rest := row[n:]
	top := s.rowMax(&row[0], n)
	for _, v := range rest {
		if v > top {
			top = v
		}
	}
	sum := float64(s.rowExp(&row[0], n, top))
	for i, v := range rest {
		e := math.Exp(float64(v - top))
		rest[i] = float32(e)
		sum += e
	}
	scale := float32(1 / sum)
	if lambda <= 0 {
		s.scaleRow(row, scale)
		return
	}
	left := float64(s.rowShrink(&row[0], n, scale, lambda)) + shrink(rest, scale, lambda)
	if left < 1e-12 {
		left = 1e-12
	}
	s.scaleRow(row, float32(1/left))
}

func (s *passes) scaleRow(row []float32, scale float32) {
	n := len(row) / s.lanes * s.lanes
	s.rowScale(&row[0], n, scale)
	for i := n; i < len(row); i++ {
		row[i] *= scale
	}
}
