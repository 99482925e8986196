// Package tail says how high the peaks of a series go in a longer time than was seen.
//
// The peaks above a threshold come in: one for each cluster, so that they are independent of each other. Out come the
// level that they pass at a given rate, and how uncertain that is. This is peaks over threshold (Coles, An
// Introduction to Statistical Modeling of Extreme Values, 2001, chapter 4): peaks come as a Poisson process, and what
// they have above a high threshold follows a generalized Pareto distribution whatever the series.
//
// Shape and scale are not estimated by one pair of numbers: with 20 to 200 peaks many pairs fit as well, and a plug-in
// estimate comes out several times too low in rate when it is carried far beyond what was seen. All pairs on a grid
// are weighed by their likelihood times a prior of the shape, and every answer is taken over all of them.
package tail

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// MinPeaks is the least that a tail is fitted to.
const MinPeaks = 20

const (
	// The shape is bounded, with a prior: a few dozen peaks hardly tell -0.3 from 0.3. Its middle is a little above
	// the exponential's 0, since what comes here are squares: where differences of pictures have an exponential tail,
	// at a level that one in n passes their squares look like a shape of 1/ln n, 0.14 for a thousand and 0.09 for a
	// hundred thousand.
	minShape, maxShape, shapeMean, shapeSpread = -0.5, 0.4, 0.1, 0.2

	shapes = 47 // so that no shape of the grid is 0
	scales = 61
	rates  = 21 // that an interval is made of, for each pair
	// Scales are looked for from exp(-scaleBelow) to exp(scaleAbove) times the mean excess. The mean excess is scale /
	// (1 - shape), so the scale is 0.6 to 1.5 times its true value; the rest is for what chance does to a mean of
	// MinPeaks.
	scaleBelow, scaleAbove = 1.6, 1.2
)

// Tail is what is known of the peaks above a threshold.
type Tail struct {
	Threshold float64
	Peaks     int
	Span      float64 // the time in which they came; the unit is the caller's
	// of the generalized Pareto distribution, averaged over what fits; 0 is the exponential, below 0 it has an end
	Shape float64
	Scale float64 // likewise, in the unit of the peaks

	pairs []pair
}

// pair is a shape and a scale with its share of the posterior.
type pair struct{ shape, scale, weight float64 }

// Fit takes the peaks above a threshold that came in so much time. It returns an error for fewer than MinPeaks, for
// one that is not above the threshold or not finite and for a time that is not positive.
func Fit(threshold float64, peaks []float64, span float64) (*Tail, error) {
	if len(peaks) < MinPeaks {
		return nil, fmt.Errorf("%d peaks are too few for a tail, at least %d are needed", len(peaks), MinPeaks)
	}
	if !(span > 0) || math.IsInf(span, 0) {
		return nil, fmt.Errorf("the time in which the peaks came is %g, must be positive", span)
	}
	var mean float64
	excess := make([]float64, len(peaks))
	for i, p := range peaks {
		excess[i] = p - threshold
		if !(excess[i] > 0) || math.IsInf(excess[i], 0) {
			return nil, fmt.Errorf("a peak is %g, must be finite and above the threshold %g", p, threshold)
		}
		mean += excess[i] / float64(len(peaks))
	}
	t := &Tail{Threshold: threshold, Peaks: len(peaks), Span: span}
	best := math.Inf(-1)
	for i := range shapes {
		shape := minShape + (maxShape-minShape)*float64(i)/(shapes-1)
		for j := range scales {
			scale := mean * math.Exp(-scaleBelow+(scaleBelow+scaleAbove)*float64(j)/(scales-1))
			if like := logLikelihood(excess, shape, scale); !math.IsInf(like, -1) {
				like -= (shape - shapeMean) * (shape - shapeMean) / (2 * shapeSpread * shapeSpread)
				t.pairs = append(t.pairs, pair{shape, scale, like})
				best = max(best, like)
			}
		}
	}
	var sum float64
	for i := range t.pairs {
		p := &t.pairs[i]
		p.weight = math.Exp(p.weight - best)
		sum += p.weight
	}
	kept := t.pairs[:0]
	for _, p := range t.pairs {
		// What has no weight only costs time.
		if p.weight /= sum; p.weight > 1e-7 {
			kept = append(kept, p)
			t.Shape += p.weight * p.shape
			t.Scale += p.weight * p.scale
		}
	}
	t.pairs = kept
	return t, nil
}

// logLikelihood is that of a generalized Pareto distribution; -Inf where an excess lies beyond its end. The scale is
// spread evenly in its logarithm.
func logLikelihood(excess []float64, shape, scale float64) float64 {
	sum := -float64(len(excess)) * math.Log(scale)
	for _, x := range excess {
		inner := shape * x / scale
		if inner <= -1 {
			return math.Inf(-1)
		}
		sum -= (1 + 1/shape) * math.Log1p(inner)
	}
	return sum
}

// survival is the share of peaks that rise so far above the threshold.
func (p pair) survival(excess float64) float64 {
	inner := p.shape * excess / p.scale
	if inner <= -1 {
		return 0
	}
	return math.Exp(-math.Log1p(inner) / p.shape)
}

// excess is how far a share of the peaks rises above the threshold: the inverse of survival; 0 for a share of 1 and
// more.
func (p pair) excess(share float64) float64 {
	return p.scale * math.Expm1(-p.shape*math.Log(min(share, 1))) / p.shape
}

// prior is Jeffreys's for the rate of a Poisson process: half a peak.
const prior = 0.5

// Rate is how many peaks above the level are to be expected in a unit of time, averaged over all tails that fit. The
// level must not be below the threshold.
func (t *Tail) Rate(level float64) float64 {
	var share float64
	for _, p := range t.pairs {
		share += p.weight * p.survival(level-t.Threshold)
	}
	return (float64(t.Peaks) + prior) / t.Span * share
}

// Level is the one that peaks are expected to pass at this rate: the inverse of Rate. It is the threshold for rates
// that are no smaller than the rate there.
func (t *Tail) Level(rate float64) float64 {
	return t.search(func(level float64) bool { return t.Rate(level) <= rate })
}

// Interval holds the level that the peaks truly pass at this rate with the given probability, as 0.95, with as much
// left out on either side.
func (t *Tail) Interval(rate, probability float64) (low, high float64) {
	// Each tail that fits, with each of a few rates of peaks above the threshold that are as likely as each other, has
	// a level of its own.
	type share struct{ level, weight float64 }
	var all []share
	peaks := distuv.Gamma{Alpha: float64(t.Peaks) + prior, Beta: t.Span}
	for i := range rates {
		often := peaks.Quantile((float64(i) + 0.5) / rates)
		for _, p := range t.pairs {
			all = append(all, share{t.Threshold + p.excess(rate/often), p.weight / rates})
		}
	}
	slices.SortFunc(all, func(a, b share) int { return cmp.Compare(a.level, b.level) })
	side := (1 - probability) / 2
	low, high = all[0].level, all[len(all)-1].level
	var sum float64
	for _, s := range all {
		if sum < side {
			low = s.level
		}
		if sum += s.weight; sum >= 1-side {
			return low, s.level
		}
	}
	return low, high
}

// search finds the lowest level, at or above the threshold, that is high enough.
func (t *Tail) search(enough func(level float64) bool) float64 {
	if enough(t.Threshold) {
		return t.Threshold
	}
	step := t.Scale
	for !enough(t.Threshold + step) {
		step *= 2
	}
	low, high := t.Threshold, t.Threshold+step
	for range 50 {
		if middle := low + (high-low)/2; enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
