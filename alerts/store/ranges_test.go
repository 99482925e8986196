package store

import (
	"math/rand/v2"
	"testing"
)

// Ranges are sets: the order of additions does not matter.
func TestRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var a, b Ranges
		inA, inB := map[uint64]bool{}, map[uint64]bool{}
		fill := func(r *Ranges, in map[uint64]bool) {
			for range rng.IntN(12) {
				first := rng.Uint64N(40)
				last := first + rng.Uint64N(6)
				r.Add(first, last)
				for n := first; n <= last; n++ {
					in[n] = true
				}
			}
		}
		fill(&a, inA)
		fill(&b, inB)
		left, within := a.Without(b), a.Within(10, 20)
		for n := range uint64(50) {
			for _, c := range []struct {
				what      string
				got, want bool
			}{
				{"has", a.Has(n), inA[n]},
				{"without", left.Has(n), inA[n] && !inB[n]},
				{"within", within.Has(n), inA[n] && n >= 10 && n <= 20},
			} {
				if c.got != c.want {
					t.Fatalf("%s %d of %v and %v: %v", c.what, n, a, b, c.got)
				}
			}
		}
		if a.Count() != uint64(len(inA)) {
			t.Fatalf("%v counts %d, want %d", a, a.Count(), len(inA))
		}
		for i := 1; i < len(a); i++ {
			if a[i].First <= a[i-1].Last+1 {
				t.Fatalf("runs of %v touch", a)
			}
		}
	}
	if got := RangesOf([]uint64{40, 13, 12, 14, 12}).String(); got != "12-14,40" {
		t.Errorf("numbers read %s", got)
	}
}
