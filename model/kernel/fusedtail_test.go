package kernel

import (
	"math/rand/v2"
	"testing"
)

// tailShape is a transposed convolution, and the one to a single channel that follows it.
type tailShape struct {
	size        [3]int
	strides     [3]int
	in, between int
}

func (c *tailShape) convs(set *Set) (first, last *Conv) {
	a := shape{up: true, size: c.size, stride: c.strides, in: c.in, out: c.between}
	b := shape{up: true, stride: [3]int{1, 2, 2}, in: c.between, out: 1}
	for d, axis := range a.axes() {
		b.size[d] = axis.Out
	}
	return NewConv(set, a.axes(), a.in, a.out, 0.2), NewConv(set, b.axes(), b.in, b.out, 0.5)
}

// TestFusedTail tests shapes with incomplete tiles, several chunks of frames and several blocks of weights.
func TestFusedTail(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for n, c := range []tailShape{
			{[3]int{8, 4, 8}, [3]int{2, 2, 2}, 5, 32},
			{[3]int{2, 3, 4}, [3]int{2, 2, 2}, 3, 27},
			{[3]int{3, 5, 7}, [3]int{1, 2, 2}, 4, 49},
			{[3]int{1, 1, 1}, [3]int{2, 2, 2}, 2, 96},
			{[3]int{5, 9, 3}, [3]int{2, 2, 2}, 7, 30},
			{[3]int{9, 33, 31}, [3]int{2, 2, 2}, 2, 27},
			{[3]int{3, 4, 5}, [3]int{2, 2, 2}, 300, 41},
		} {
			for _, threads := range []int{1, 3} {
				checkTail(t, set, c, threads, newRand(uint64(n)))
			}
		}
	})
	few := tailShape{size: [3]int{2, 4, 4}, strides: [3]int{2, 2, 2}, in: 3, between: 16}
	if NewFusedTail(few.convs(&goSet)) != nil {
		t.Error("few channels between the two are not worth a Tail")
	}
}

func FuzzFusedTail(f *testing.F) {
	f.Add(byte(3), byte(5), byte(7), byte(0b110), byte(4), byte(49), uint64(1))
	f.Fuzz(func(t *testing.T, tt, h, w, strides, in, between byte, seed uint64) {
		c := tailShape{
			size:    [3]int{1 + int(tt)%9, 1 + int(h)%12, 1 + int(w)%12},
			strides: [3]int{1 + int(strides)&1, 2, 2},
		}
		c.in, c.between = 1+int(in)%40, kernelPositions+int(between)%70
		for _, set := range Sets() {
			checkTail(t, set, c, 1+int(seed%3), newRand(seed))
		}
	})
}

// checkTail expects the bits of the two separate convolutions, the sums of Residual, of a FusedTail and of RunErrors,
// and no write outside of the results.
func checkTail(t *testing.T, set *Set, c tailShape, threads int, r *rand.Rand) {
	t.Helper()
	a, b := c.convs(set)
	tail := NewFusedTail(a, b)
	a.Pack(fill(r, make([]float32, c.in*c.between*27)), 27, c.between*27, fill(r, make([]float32, c.between)))
	b.Pack(fill(r, make([]float32, c.between*27)), 27, 27, []float32{0.3})
	area := b.DstLen() / b.axes[0].Out
	src, x := fill(r, make([]float32, a.SrcLen())), fill(r, make([]float32, b.DstLen()))
	between, want, wantSum := make([]float32, a.DstLen()), make([]float32, b.DstLen()), make([]float32, area)
	square := r.IntN(2) == 0
	one := NewPool(1)
	defer one.Close()
	a.Run(one, between, src)
	b.Run(one, want, between)
	Residual(one, set, wantSum, want, x, square)
	pool := NewPool(threads)
	defer pool.Close()
	// The buffers hold values of another FusedTail.
	other := tailShape{size: [3]int{4, 6, 6}, strides: [3]int{2, 2, 2}, in: 2, between: 64}
	p, q := other.convs(set)
	p.Pack(fill(r, make([]float32, 2*64*27)), 27, 64*27, nil)
	q.Pack(fill(r, make([]float32, 64*27)), 27, 27, nil)
	NewFusedTail(p, q).Run(pool, make([]float32, q.DstLen()), fill(r, make([]float32, p.SrcLen())), Errors{})
	for name, run := range map[string]func(dst []float32, e Errors){
		"Tail":      func(dst []float32, e Errors) { tail.Run(pool, dst, src, e) },
		"RunErrors": func(dst []float32, e Errors) { b.RunErrors(pool, dst, between, e) },
	} {
		for range 2 {
			got, intact := guarded(r, b.DstLen())
			sum, sumIntact := guarded(r, area)
			run(got, Errors{Sum: sum, X: x, Square: square})
			if !sameBits(got, want) {
				t.Errorf("%s, %+v, %d threads: other bits than of the two, one after the other", name, c, threads)
			}
			for i, v := range sum {
				// Rows that are not whole lanes are rounded differently.
				if want := float64(wantSum[i]); !near(v, want, want) {
					t.Fatalf("%s, %+v, %d threads, square %v: sum %d is %v, Residual's %v", name, c, threads, square,
						i, v, want)
				}
			}
			if !intact() || !sumIntact() {
				t.Errorf("%s, %+v: wrote outside", name, c)
			}
		}
	}
}
