// Package tail estimates how high the peaks of a series rise in a time longer than the series.
//
// Its input is the peaks above a threshold, one for each cluster so that they are independent; its output is the level
// that they exceed at a given rate, with an interval. The method is peaks over threshold (Coles, An Introduction to
// Statistical Modeling of Extreme Values, 2001, chapter 4): peaks arrive as a Poisson process, and their excess over a
// high threshold follows a generalized Pareto distribution whatever the series.
//
// Shape and scale are not point estimates: 20 to 200 peaks fit many pairs equally well, and a plug-in estimate
// underestimates the rate several times when extrapolated far. All pairs on a grid are weighted by their likelihood
// times a prior of the shape, and every result is averaged over all of them.
package tail

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// MinPeaks is the minimum number of peaks for a fit. With so few the prior of the shape decides, and the level is high.
const MinPeaks = 6

const (
	// The shape is bounded and has a prior: a few dozen peaks hardly tell -0.3 from 0.3. The prior's mean is slightly
	// above the exponential's 0, since the errors are squares: if differences of pictures have an exponential tail,
	// then at a level that one in n exceeds their squares look like a shape of 1/ln n, 0.14 for a thousand and 0.09 for
	// a hundred thousand.
	minShape, maxShape, shapeMean, shapeSpread = -0.5, 0.4, 0.1, 0.2

	shapes = 47 // no grid point has shape 0
	scales = 83
	rates  = 21 // Poisson rates for each pair in Interval
	// Scales are searched from exp(-scaleBelow) to exp(scaleAbove) times the mean excess. The mean excess is scale / (1
	// - shape), so the scale is 0.6 to 1.5 times its true value; the rest allows for the sampling error of a mean of
	// MinPeaks.
	scaleBelow, scaleAbove = 2, 1.8
)

// Tail is the fitted distribution of the peaks above a threshold.
type Tail struct {
	Threshold float64
	Peaks     int
	Span      float64 // time in which the peaks arrived, in the caller's unit
	// Shape of the generalized Pareto distribution, as a posterior mean; 0 is the exponential, below 0 it has an end.
	Shape float64
	Scale float64 // likewise, in the unit of the peaks

	pairs []pair
}

// pair is a shape and a scale with their share of the posterior. below is the share of all peaks that lie below the
// bound that the known ones do.
type pair struct{ shape, scale, weight, below float64 }

// Fit fits a tail to the peaks above threshold that arrived in span. It returns an error for fewer than MinPeaks, for a
// peak that is not finite or not above the threshold, and for a span that is not positive.
func Fit(threshold float64, peaks []float64, span float64) (*Tail, error) {
	return FitBelow(math.Inf(1), threshold, peaks, span)
}

// FitBelow is Fit for peaks of which only those below bound are known: each counts with its probability on the
// condition that it is (a truncated sample). A peak may not lie above bound.
func FitBelow(bound, threshold float64, peaks []float64, span float64) (*Tail, error) {
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
		if p > bound {
			return nil, fmt.Errorf("a peak is %g, must be at most %g", p, bound)
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
				below := 1 - pair{shape: shape, scale: scale}.survival(bound-threshold)
				like -= float64(len(excess)) * math.Log(below)
				like -= (shape - shapeMean) * (shape - shapeMean) / (2 * shapeSpread * shapeSpread)
				t.pairs = append(t.pairs, pair{shape, scale, like, below})
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
		// Negligible weights only cost time.
		if p.weight /= sum; p.weight > 1e-7 {
			kept = append(kept, p)
			t.Shape += p.weight * p.shape
			t.Scale += p.weight * p.scale
		}
	}
	t.pairs = kept
	return t, nil
}

// logLikelihood is that of a generalized Pareto distribution; -Inf if an excess lies beyond its end. The prior of the
// scale is uniform in its logarithm.
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

// survival is the share of peaks whose excess is larger.
func (p pair) survival(excess float64) float64 {
	inner := p.shape * excess / p.scale
	if inner <= -1 {
		return 0
	}
	return math.Exp(-math.Log1p(inner) / p.shape)
}

// excess is the excess that a share of the peaks exceeds, the inverse of survival; 0 for a share of 1 or more.
func (p pair) excess(share float64) float64 {
	return p.scale * math.Expm1(-p.shape*math.Log(min(share, 1))) / p.shape
}

// prior is Jeffreys's prior for the rate of a Poisson process: half a peak.
const prior = 0.5

// Rate is the expected number of peaks above the level in a unit of time, averaged over the posterior. The level must
// not be below the threshold.
func (t *Tail) Rate(level float64) float64 {
	var share float64
	for _, p := range t.pairs {
		share += p.weight * p.survival(level-t.Threshold) / p.below
	}
	return (float64(t.Peaks) + prior) / t.Span * share
}

// Level is the level that peaks are expected to exceed at this rate, the inverse of Rate; the threshold for rates at or
// above the rate there.
func (t *Tail) Level(rate float64) float64 {
	return t.search(func(level float64) bool { return t.Rate(level) <= rate })
}

// Interval returns bounds of the level that the peaks truly exceed at this rate. They hold with the given probability,
// such as 0.95, and half of the rest lies on either side.
func (t *Tail) Interval(rate, probability float64) (low, high float64) {
	// Each pair, combined with each of a few equally likely rates of peaks above the threshold, has a level of its own.
	type share struct{ level, weight float64 }
	var all []share
	peaks := distuv.Gamma{Alpha: float64(t.Peaks) + prior, Beta: t.Span}
	for i := range rates {
		often := peaks.Quantile((float64(i) + 0.5) / rates)
		for _, p := range t.pairs {
			all = append(all, share{t.Threshold + p.excess(rate*p.below/often), p.weight / rates})
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

// search returns the lowest level, at or above the threshold, for which enough is true.
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
