package kernel

import (
	"fmt"
	"math"
	"testing"
)

// TestRows compares each set's passes with those in pure Go, for any length and alignment.
func TestRows(t *testing.T) {
	const slope = 0.2
	eachSet(t, func(t *testing.T, set *Set) {
		for _, channels := range []int{1, 5, 8, 16, 24, 32, 48, 96, 112, 128} {
			for _, pixels := range []int{0, 1, 2, 7, 33} {
				r := newRand(uint64(channels*100 + pixels))
				room := func(n int) []float32 {
					v, intact := guarded(r, n)
					t.Cleanup(func() {
						if !intact() {
							t.Errorf("%d x %d: wrote outside a row", pixels, channels)
						}
					})
					return fill(r, v)
				}
				u, g := room(pixels*channels), room(pixels*channels)
				scale, shift, all := room(channels), room(channels), room(channels)
				if pixels == 7 {
					u[3*channels/2], g[channels] = float32(math.NaN()), float32(math.Inf(1))
				}
				run := func(s *Set) [][]float32 {
					sum, square := append(room(0), scale...), append(room(0), shift...)
					s.SumSquares(sum, square, u)
					y := room(pixels * channels)
					s.ScaleShift(y, u, scale, shift, slope)
					gathered, a, b := append(room(0), g...), make([]float32, channels), make([]float32, channels)
					s.GatherSums(gathered, u, scale, shift, a, b, slope)
					spread := append(room(0), g...)
					s.SpreadBack(spread, u, scale, shift, all)
					return [][]float32{sum, square, y, gathered, a, b, spread}
				}
				want := run(&goSet)
				for i, got := range run(set) {
					checkClose(t, fmt.Sprintf("%d pixels of %d channels, result %d", pixels, channels, i), got, want[i])
				}
			}
		}
	})
}

// checkClose reports whether got equals want up to rounding.
func checkClose(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range got {
		if !near(v, float64(want[i]), 10+10*math.Abs(float64(want[i]))) {
			t.Fatalf("%s: value %d is %v, pure Go has %v", what, i, v, want[i])
		}
	}
}

func TestTranspose(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r, n := newRand(1), set.Lanes
		src, _ := guarded(r, (n-1)*(n+3)+n)
		fill(r, src)
		dst, intact := guarded(r, (n-1)*(n+5)+n)
		set.Transpose(dst, n+5, src, n+3)
		for i := range n {
			for j := range n {
				if dst[i*(n+5)+j] != src[j*(n+3)+i] {
					t.Fatalf("row %d, column %d: %v, want %v", i, j, dst[i*(n+5)+j], src[j*(n+3)+i])
				}
			}
		}
		if !intact() {
			t.Error("wrote outside")
		}
	})
}

func TestMerge(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := newRand(2)
		for _, n := range []int{1, 8, 16, 24, 48} {
			base, _ := guarded(r, 200+n)
			fill(r, base)
			even, odd := []int32{3, 200}, []int32{0, 17, 100}
			want, _ := guarded(r, 2*n)
			got, intact := guarded(r, 2*n)
			for _, add := range []bool{false, true} {
				merge(want, base, even, odd, 0.5, add)
				set.Merge(got, base, even, odd, 0.5, add)
				checkClose(t, fmt.Sprint(n, " pairs, add ", add), got, want)
			}
			if !intact() {
				t.Error("wrote outside")
			}
		}
	})
}
