package median

import (
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
