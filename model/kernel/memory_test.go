package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestMemory(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for i, c := range []struct {
			queries, slots, width int
			lambda                float32
			cosine, nan           bool
		}{
			{1, 1, 1, 0, false, false},
			{2, 7, 6, 1. / 7, false, false},
			{13, 7, 6, 1. / 7, true, false},
			{25, 50, 33, 0.03, false, false},
			{24, 51, 16, 0.03, true, false},
			{30, 20, 5, 0.2, false, false}, // most rows shrink to zero
			{14, 20, 5, 0.05, true, true},
		} {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				r := newRand(uint64(i))
				z, _ := guarded(r, c.queries*c.width)
				fill(r, z)
				if c.nan {
					z[2] = float32(math.NaN())
				}
				slots := fill(r, make([]float32, c.slots*c.width))
				m := NewMemory(set, c.slots, c.width, c.lambda, c.cosine)
				m.Pack(slots)
				var first []float32
				for _, threads := range []int{1, 3} {
					pool := NewPool(threads)
					dst, intact := guarded(r, len(z))
					w, intactW := guarded(r, c.queries*c.slots)
					m.Run(pool, dst, z, c.queries, w)
					again := make([]float32, len(dst))
					m.Run(pool, again, z, c.queries, nil)
					pool.Close()
					if !intact() || !intactW() {
						t.Fatal("wrote outside the destination")
					}
					if !sameBits(dst, again) {
						t.Error("keeping the addressing weights changes the result")
					}
					checkRead(t, m, slots, z, dst, w)
					if first == nil {
						first = dst
					}
					if !sameBits(first, dst) {
						t.Errorf("%d threads give other bits than 1", threads)
					}
				}
			})
		}
	})
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// checkRead compares a read with the formula, query by query.
func checkRead(t *testing.T, m *Memory, slots, z, dst, w []float32) {
	t.Helper()
	unit := func(v []float32) float64 {
		if !m.cosine {
			return 1
		}
		sum := 0.0
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		return math.Max(math.Sqrt(sum), 1e-12)
	}
	for q := range len(z) / m.width {
		query := z[q*m.width:][:m.width]
		row := make([]float32, m.slots)
		for s := range row {
			slot, sum := slots[s*m.width:][:m.width], 0.0
			for i := range slot {
				sum += float64(query[i]) * float64(slot[i])
			}
			row[s] = float32(sum / unit(query) / unit(slot))
		}
		want, edge := naiveAddress(row, m.lambda)
		read, certain := make([]float64, m.width), true
		for s, v := range w[q*m.slots:][:m.slots] {
			if edge[s] {
				certain = false
			} else if !near(v, want[s], 5) {
				t.Fatalf("query %d, weight %d: %v, want %v", q, s, v, want[s])
			}
			for i := range read {
				read[i] += want[s] * float64(slots[s*m.width+i])
			}
		}
		for i, v := range dst[q*m.width:][:m.width] {
			if certain && !near(v, read[i], 10) {
				t.Fatalf("query %d, value %d: %v, want %v", q, i, v, read[i])
			}
		}
	}
}
