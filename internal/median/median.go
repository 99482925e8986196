// Package median computes medians: of numbers, and over time of each pixel of a video, which gives the scene without
// moving objects.
package median

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Interpolated returns the level at which the empirical distribution function, interpolated linearly between the
// values, reaches one half (stat.LinInterp); NaN without values. Of few values it is below the middle one: 1.5 for 1,
// 2 and 3.
func Interpolated(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return stat.Quantile(0.5, stat.LinInterp, slices.Sorted(slices.Values(values)), nil)
}

// blockPixels is how many pixels are counted at a time: their histograms, 1 KiB each, fit into a cache.
const blockPixels = 1024

// Background fills out with the median over the frames of each pixel; for an even number of frames the lower of the two
// middle levels, and 0 without any frame. out and all frames have the same length.
func Background(out []byte, frames [][]byte) {
	counts := make([][256]uint32, min(blockPixels, len(out)))
	for from := 0; from < len(out); from += blockPixels {
		to := min(from+blockPixels, len(out))
		clear(counts)
		for _, frame := range frames {
			for i, v := range frame[from:to] {
				counts[i][v]++
			}
		}
		for i := range out[from:to] {
			level, below := 0, counts[i][0]
			for 2*int(below) < len(frames) {
				level++
				below += counts[i][level]
			}
			out[from+i] = byte(level)
		}
	}
}
