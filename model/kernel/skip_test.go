package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestSkip expects frames that are not skipped to have the bits of a complete run; skipped and unread frames are
// poisoned and must not be touched.
func TestSkip(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for n, c := range []shape{
			{size: [3]int{16, 6, 8}, stride: [3]int{1, 2, 2}, in: 1, out: 5},
			{size: [3]int{16, 6, 8}, stride: [3]int{2, 2, 2}, in: 3, out: 33},
			{up: true, size: [3]int{4, 5, 3}, stride: [3]int{2, 2, 2}, in: 6, out: 20},
			{up: true, size: [3]int{7, 4, 5}, stride: [3]int{1, 2, 2}, in: 4, out: 1},
			{up: true, size: [3]int{16, 4, 8}, stride: [3]int{1, 2, 2}, in: 40, out: 1},
		} {
			axes := c.axes()
			r := newRand(uint64(n))
			conv := NewConv(set, axes, c.in, c.out, 0.2)
			weights := fill(r, make([]float32, c.in*c.out*27))
			conv.Pack(weights, 27*c.in, 27, fill(r, make([]float32, c.out)))
			src, want := fill(r, make([]float32, conv.SrcLen())), make([]float32, conv.DstLen())
			pool := NewPool(2)
			conv.Run(pool, want, src)
			whole := conv.MACs()
			for skip := range axes[0].Out {
				conv.SkipFrames(skip)
				unread := conv.UnreadFrames()
				if read := firstRead(c, skip); unread != read {
					t.Errorf("%+v without %d frames: the first %d are reported as unread, want %d", c, skip,
						unread, read)
				}
				part := slices.Clone(src)
				poison(part[:unread*len(src)/axes[0].In])
				got := make([]float32, len(want))
				from := skip * len(want) / axes[0].Out
				poison(got[:from])
				conv.Run(pool, got, part)
				if !sameBits(got[from:], want[from:]) {
					t.Errorf("%+v without %d frames: other bits", c, skip)
				}
				if slices.ContainsFunc(got[:from], func(v float32) bool { return v == v }) {
					t.Errorf("%+v without %d frames: they were written", c, skip)
				}
				if skip > 0 && conv.MACs() >= whole || skip == 0 && conv.MACs() != whole {
					t.Errorf("%+v without %d frames: %d multiplications of %d", c, skip, conv.MACs(), whole)
				}
			}
			pool.Close()
		}
	})
}

// TestSkipInTail expects a FusedTail to compute and sum only the frames that are not skipped.
func TestSkipInTail(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for n, c := range []tailShape{
			{[3]int{8, 4, 8}, [3]int{2, 2, 2}, 5, 32},
			{[3]int{3, 5, 7}, [3]int{1, 2, 2}, 4, 49},
			{[3]int{8, 33, 31}, [3]int{2, 2, 2}, 2, 27},
		} {
			r := newRand(uint64(n))
			a, b := c.convs(set)
			a.Pack(fill(r, make([]float32, c.in*c.between*27)), 27, c.between*27, nil)
			b.Pack(fill(r, make([]float32, c.between*27)), 27, 27, []float32{0.3})
			src, x := fill(r, make([]float32, a.SrcLen())), fill(r, make([]float32, b.DstLen()))
			area := b.DstLen() / b.axes[0].Out
			want, wantSum := make([]float32, b.DstLen()), make([]float32, area)
			pool := NewPool(2)
			between := make([]float32, a.DstLen())
			a.Run(pool, between, src)
			b.Run(pool, want, between)
			for skip := range b.axes[0].Out {
				from := skip * area
				Residual(pool, set, wantSum, want[from:], x[from:], true)
				b.SkipFrames(skip)
				tail := NewFusedTail(a, b)
				a.SkipFrames(b.UnreadFrames())
				part := slices.Clone(src)
				poison(part[:a.UnreadFrames()*len(src)/a.axes[0].In])
				a.SkipFrames(0)
				got, sum := make([]float32, len(want)), make([]float32, area)
				poison(sum)
				tail.Run(pool, got, part, Errors{Sum: sum, X: x, Square: true})
				if !sameBits(got[from:], want[from:]) {
					t.Errorf("%+v without %d frames: other bits", c, skip)
				}
				for i, v := range sum {
					if want := float64(wantSum[i]); !near(v, want, want) {
						t.Fatalf("%+v without %d frames: sum %d is %v, want %v", c, skip, i, v, want)
					}
				}
			}
			pool.Close()
		}
	})
}

func poison(values []float32) {
	for i := range values {
		values[i] = float32(math.NaN())
	}
}

// firstRead is the first source frame that any output frame from one on depends on, by definition.
func firstRead(c shape, frame int) int {
	axis := c.axes()[0]
	for in := range axis.In {
		for out := frame; out < axis.Out; out++ {
			// The kernel position: out·stride = in + 1 - k, transposed in·stride = out + 1 - k.
			k := in + 1 - out*c.stride[0]
			if c.up {
				k = out + 1 - in*c.stride[0]
			}
			if k >= 0 && k < Taps {
				return in
			}
		}
	}
	return axis.In
}
