package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// shape is a convolution to test.
type shape struct {
	up      bool
	size    [3]int // of the input: T, H, W
	stride  [3]int
	in, out int
}

func (s shape) axes() [3]Axis {
	var a [3]Axis
	for d := range a {
		if s.up {
			a[d] = TransposedConvAxis(s.size[d], s.stride[d])
		} else {
			a[d] = ConvAxis(s.size[d], s.stride[d])
		}
	}
	return a
}

// naive computes a (transposed) convolution by its definition in double precision: input i and output o of an axis meet
// at kernel position k if i = stride·o + k - 1, and vice versa for a transposed one. It returns the results and the
// sums of magnitudes. weights are [out][in][27].
func (s shape) naive(src, weights, bias []float32) (dst, scale []float64, size [3]int) {
	a := s.axes()
	size = [3]int{a[0].Out, a[1].Out, a[2].Out}
	n := size[0] * size[1] * size[2] * s.out
	dst, scale = make([]float64, n), make([]float64, n)
	for at := range dst {
		o := at % s.out
		position := [3]int{at / s.out / size[2] / size[1], at / s.out / size[2] % size[1], at / s.out % size[2]}
		sum, mag := float64(bias[o]), math.Abs(float64(bias[o]))
		for k := range 27 {
			from, ok := s.source(position, [3]int{k / 9, k / 3 % 3, k % 3})
			if !ok {
				continue
			}
			for i := range s.in {
				v := float64(src[((from[0]*s.size[1]+from[1])*s.size[2]+from[2])*s.in+i]) * float64(
					weights[(o*s.in+i)*27+k])
				sum += v
				mag += math.Abs(v)
			}
		}
		dst[at], scale[at] = sum, mag
	}
	return dst, scale, size
}

func (s shape) source(position, k [3]int) (from [3]int, ok bool) {
	for d := range from {
		if s.up {
			n := position[d] + 1 - k[d]
			if n%s.stride[d] != 0 {
				return from, false
			}
			from[d] = n / s.stride[d]
		} else {
			from[d] = position[d]*s.stride[d] + k[d] - 1
		}
		if from[d] < 0 || from[d] >= s.size[d] {
			return from, false
		}
	}
	return from, true
}

func checkConv(t *testing.T, set *Set, s shape, threads int, r *rand.Rand, special bool) []float32 {
	t.Helper()
	pool := NewPool(threads)
	defer pool.Close()
	slope := []float32{1, 0.2}[r.IntN(2)]
	c := NewConv(set, s.axes(), s.in, s.out, slope)
	src, _ := guarded(r, c.SrcLen())
	fill(r, src)
	if special && len(src) > 0 {
		src[r.IntN(len(src))] = float32(math.NaN())
		src[r.IntN(len(src))] = float32(math.Inf(-1))
	}
	weights, bias := fill(r, make([]float32, s.in*s.out*27)), fill(r, make([]float32, s.out))
	want, scale, _ := s.naive(src, weights, bias)
	if c.DstLen() != len(want) {
		t.Fatalf("%+v: %d results, want %d", s, c.DstLen(), len(want))
	}
	c.Pack(weights, s.in*27, 27, bias)
	dst, intact := guarded(r, len(want))
	for i := range dst {
		dst[i] = 1e30 // fails unless written
	}
	c.Run(pool, dst, src)
	if !intact() {
		t.Fatalf("%+v: wrote outside the destination", s)
	}
	for i := range dst {
		if !near(dst[i], leaky(want[i], slope), scale[i]) {
			t.Fatalf("%+v, threads %d: result %d is %v, want %v", s, threads, i, dst[i], leaky(want[i], slope))
		}
	}
	return dst
}

func TestConv(t *testing.T) {
	shapes := []shape{
		{size: [3]int{16, 16, 16}, stride: [3]int{1, 2, 2}, in: 1, out: 3},
		{size: [3]int{16, 8, 8}, stride: [3]int{2, 2, 2}, in: 3, out: 5},
		{size: [3]int{2, 2, 2}, stride: [3]int{2, 2, 2}, in: 8, out: 6},
		{size: [3]int{1, 1, 1}, stride: [3]int{2, 2, 2}, in: 4, out: 7},
		{size: [3]int{1, 1, 1}, stride: [3]int{1, 1, 1}, in: 1, out: 1},
		{size: [3]int{5, 7, 9}, stride: [3]int{1, 1, 1}, in: 2, out: 4},
		{size: [3]int{3, 5, 7}, stride: [3]int{2, 1, 2}, in: 5, out: 11},
		{size: [3]int{2, 3, 33}, stride: [3]int{1, 2, 1}, in: 17, out: 19},
		{size: [3]int{4, 4, 4}, stride: [3]int{2, 2, 2}, in: 33, out: 49},
		{up: true, size: [3]int{2, 1, 1}, stride: [3]int{2, 2, 2}, in: 6, out: 8},
		{up: true, size: [3]int{1, 1, 1}, stride: [3]int{2, 2, 2}, in: 3, out: 2},
		{up: true, size: [3]int{4, 2, 3}, stride: [3]int{2, 2, 2}, in: 5, out: 9},
		{up: true, size: [3]int{5, 4, 4}, stride: [3]int{1, 2, 2}, in: 7, out: 1},
		{up: true, size: [3]int{1, 5, 3}, stride: [3]int{1, 1, 2}, in: 2, out: 3},
		{up: true, size: [3]int{2, 5, 7}, stride: [3]int{2, 2, 2}, in: 31, out: 50},
		// Weights larger than a cache block, and an output larger than an item.
		{size: [3]int{3, 3, 3}, stride: [3]int{1, 1, 1}, in: 700, out: 3},
		{up: true, size: [3]int{2, 2, 2}, stride: [3]int{2, 2, 2}, in: 2600, out: 2},
		{size: [3]int{2, 70, 70}, stride: [3]int{1, 1, 1}, in: 1, out: 2},
	}
	eachSet(t, func(t *testing.T, set *Set) {
		for i, s := range shapes {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				for special := range 2 {
					var first []float32
					for _, threads := range []int{1, 2, 5} {
						got := checkConv(t, set, s, threads, newRand(uint64(i)), special == 1)
						if first == nil {
							first = got
						}
						if !slices.EqualFunc(first, got,
							func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
							t.Errorf("%d threads give other bits than 1", threads)
						}
					}
				}
			})
		}
	})
}

// FuzzConv compares any small convolution with its definition.
func FuzzConv(f *testing.F) {
	f.Add(false, byte(16), byte(4), byte(4), byte(0b110), byte(3), byte(5), uint64(1))
	f.Add(true, byte(2), byte(3), byte(4), byte(0b111), byte(6), byte(1), uint64(2))
	f.Fuzz(func(t *testing.T, up bool, tt, h, w, strides, in, out byte, seed uint64) {
		s := shape{up: up, size: [3]int{1 + int(tt)%8, 1 + int(h)%10, 1 + int(w)%10}, in: 1 + int(in)%40, out: 1 +
			int(out)%70}
		for d := range s.stride {
			s.stride[d] = 1 + int(strides>>d)&1
		}
		for _, set := range Sets() {
			checkConv(t, set, s, 1+int(seed%3), newRand(seed), seed%5 == 0)
		}
	})
}

// TestMACs counts the multiplications of the paper's network; the figure is documented with the model.
func TestMACs(t *testing.T) {
	s := shape{size: [3]int{4, 4, 4}, stride: [3]int{1, 1, 1}, in: 2, out: 3}
	c := NewConv(&goSet, s.axes(), s.in, s.out, 1)
	// Along an axis of 4 there are 3+3+2+2 taps within the input.
	if want := 10 * 10 * 10 * 2 * 3; c.MACs() != want {
		t.Errorf("%d multiplications, want %d", c.MACs(), want)
	}
}
