package median

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBackground compares each pixel with the sorted levels, for pictures of less and of more than a block.
func TestBackground(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, pixels := range []int{1, 7, blockPixels, blockPixels + 3} {
		for _, n := range []int{0, 1, 2, 5, 8} {
			frames := make([][]byte, n)
			for f := range frames {
				frames[f] = make([]byte, pixels)
				for i := range frames[f] {
					frames[f][i] = byte(r.IntN(256))
				}
			}
			out := make([]byte, pixels)
			Background(out, frames)
			for i, got := range out {
				var levels []byte
				for _, frame := range frames {
					levels = append(levels, frame[i])
				}
				slices.Sort(levels)
				want := byte(0)
				if n > 0 {
					want = levels[(n-1)/2]
				}
				if got != want {
					t.Fatalf("%d frames, pixel %d of %d: %d, want %d", n, i, pixels, got, want)
				}
			}
		}
	}
}

func TestInterpolated(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{3, 1, 2}, 1.5}, {[]float64{4, 1, 2, 3}, 2}, {[]float64{1, 1, 9, 9}, 1}} {
		if got := Interpolated(c.values); got != c.want {
			t.Errorf("the median of %v is %v, not %v", c.values, got, c.want)
		}
	}
	if got := Interpolated(nil); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}
