package tail

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// excess draws from a generalized Pareto distribution of scale 1.
func excess(r *rand.Rand, shape float64) float64 {
	u := 1 - r.Float64()
	if shape == 0 {
		return -math.Log(u)
	}
	return (math.Pow(u, -shape) - 1) / shape
}

// level is the excess that is exceeded with the given probability.
func level(probability, shape float64) float64 {
	if shape == 0 {
		return -math.Log(probability)
	}
	return (math.Pow(probability, -shape) - 1) / shape
}

func survival(x, shape float64) float64 {
	if shape == 0 {
		return math.Exp(-x)
	}
	return math.Pow(max(0, 1+shape*x), -1/shape)
}

// TestKnownTails draws a Poisson number of peaks in a time of 1, and estimates the level that one peak exceeds in a
// time of 10, or of 100. 80 runs measure a coverage of 0.95 to within 0.05 (two standard errors), the 1500 of
// VIGIL_LONG to within 0.012. The prior of the shape makes it slightly narrow far from 0 and wide near 0.
func TestKnownTails(t *testing.T) {
	runs := 80
	if os.Getenv("VIGIL_LONG") != "" {
		runs = 1500
	}
	for _, c := range []struct {
		shape    float64
		peaks    float64
		times    float64
		coverage [2]float64
		mean     [2]float64 // bounds of the true rate at Level over the wanted rate
		middle   float64    // upper bound of its median
	}{
		{-0.3, 40, 10, [2]float64{0.86, 1}, [2]float64{0, 0.6}, 0.2},
		{-0.3, 200, 10, [2]float64{0.88, 1}, [2]float64{0, 0.8}, 0.4},
		{-0.1, 60, 10, [2]float64{0.89, 1}, [2]float64{0.1, 1.2}, 0.6},
		{0, 30, 10, [2]float64{0.90, 1}, [2]float64{0.3, 1.5}, 1},
		{0, 60, 10, [2]float64{0.90, 1}, [2]float64{0.4, 1.5}, 1},
		{0, 200, 10, [2]float64{0.89, 1}, [2]float64{0.4, 1.5}, 1},
		{0, 60, 100, [2]float64{0.90, 1}, [2]float64{0.02, 1.5}, 1},
		{0.2, 60, 10, [2]float64{0.88, 1}, [2]float64{0.7, 3}, 2},
		{0.2, 200, 10, [2]float64{0.88, 1}, [2]float64{0.5, 2}, 1.5},
	} {
		t.Run(fmt.Sprintf("shape %g, %g peaks, %g times", c.shape, c.peaks, c.times), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(7, uint64(c.peaks)))
			held, done := 0, 0
			var rates []float64
			for range runs {
				var peaks []float64
				for at := r.ExpFloat64(); at < c.peaks; at += r.ExpFloat64() {
					peaks = append(peaks, 3+excess(r, c.shape))
				}
				if len(peaks) < MinPeaks {
					continue
				}
				f, err := Fit(3, peaks, 1)
				if err != nil {
					t.Fatal(err)
				}
				done++
				rate := 1 / c.times
				low, high := f.Interval(rate, 0.95)
				if truth := 3 + level(rate/c.peaks, c.shape); low <= truth && truth <= high {
					held++
				}
				rates = append(rates, c.peaks*survival(f.Level(rate)-3, c.shape)/rate)
			}
			slices.Sort(rates)
			coverage, mean, middle := float64(held)/float64(done), stat.Mean(rates, nil),
				stat.Quantile(0.5, stat.LinInterp, rates, nil)
			t.Logf("coverage %.3f, true rate at the level: mean %.2f, median %.2f, 95 %% below %.2f times the wanted "+
				"one", coverage, mean, middle,
				stat.Quantile(0.95, stat.LinInterp, rates, nil))
			if coverage < c.coverage[0] || coverage > c.coverage[1] {
				t.Errorf("the interval holds the truth in %.3f, want %.2f to %.2f", coverage, c.coverage[0],
					c.coverage[1])
			}
			if mean < c.mean[0] || mean > c.mean[1] || middle > c.middle {
				t.Errorf("the true rate is %.2f times the wanted one in the mean, %.2f in the middle; want %.2f to "+
					"%.2f, at most %.2f", mean, middle, c.mean[0], c.mean[1], c.middle)
			}
		})
	}
}

func TestLevelInvertsRate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var peaks []float64
	for range 50 {
		peaks = append(peaks, 1e-3*(2+excess(r, 0.1)))
	}
	f, err := Fit(2e-3, peaks, 24)
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for _, rate := range []float64{1, 0.1, 0.01, 1e-4} {
		level := f.Level(rate)
		if got := f.Rate(level); math.Abs(got-rate) > 1e-6*rate {
			t.Errorf("at the level of the rate %g it is %g", rate, got)
		}
		low, high := f.Interval(rate, 0.95)
		if level <= last || low >= level || level >= high || low < f.Threshold {
			t.Errorf("rate %g: level %g above %g, interval %g to %g", rate, level, last, low, high)
		}
		last = level
	}
	if level := f.Level(10); level != f.Threshold {
		t.Errorf("a rate above that of all peaks has the level %g, want the threshold %g", level, f.Threshold)
	}
}

// TestIntervalIsSymmetric checks that half of the excluded probability lies on either side, and the
// grid of scales covers the posterior.
func TestIntervalIsSymmetric(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{MinPeaks, 100} {
		var peaks []float64
		for range n {
			peaks = append(peaks, excess(r, 0))
		}
		f, err := Fit(0, peaks, 3)
		if err != nil {
			t.Fatal(err)
		}
		const rate = 0.1
		low, high := f.Interval(rate, 0.9)
		often := distuv.Gamma{Alpha: float64(n) + 0.5, Beta: 3}
		var below, above float64
		for i := range rates {
			for _, p := range f.pairs {
				switch level := p.excess(rate / often.Quantile((float64(i)+0.5)/rates)); {
				case level < low:
					below += p.weight / rates
				case level > high:
					above += p.weight / rates
				}
			}
		}
		if math.Abs(below-0.05) > 0.005 || math.Abs(above-0.05) > 0.005 {
			t.Errorf("%d peaks: %.4f lie below the interval of 0.9 and %.4f above it, want 0.05", n, below, above)
		}
		compare := func(a, b pair) int { return cmp.Compare(a.scale, b.scale) }
		least, most, edge := slices.MinFunc(f.pairs, compare), slices.MaxFunc(f.pairs, compare), 0.
		for _, p := range f.pairs {
			if p.scale == least.scale || p.scale == most.scale {
				edge += p.weight
			}
		}
		if edge > 1e-3 {
			t.Errorf("%d peaks: the outermost scales have a weight of %.2g: the grid of scales is too narrow", n, edge)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	many := slices.Repeat([]float64{2}, MinPeaks)
	for want, c := range map[string]struct {
		threshold float64
		peaks     []float64
		span      float64
	}{
		"5 peaks are too few":          {1, many[1:], 1},
		"a peak is 2, must be":         {2, many, 1},
		"a peak is NaN":                {1, append(slices.Clone(many), math.NaN()), 1},
		"a peak is +Inf":               {1, append(slices.Clone(many), math.Inf(1)), 1},
		"is 0, must be positive":       {1, many, 0},
		"peaks came is NaN, must be p": {1, many, math.NaN()},
	} {
		if _, err := Fit(c.threshold, c.peaks, c.span); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	// Identical peaks fit no tail well, and must not break the fit.
	if f, err := Fit(1, many, 1); err != nil || !(f.Level(0.1) > 2) {
		t.Errorf("equal peaks: %v, %v", f, err)
	}
}

// TestFitBelow draws peaks of which those above a bound are not known: the level is high enough, while a fit that takes
// them for all is far too low.
func TestFitBelow(t *testing.T) {
	const bound, rate = 2.5, 1.
	var known, blind []float64
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(31, seed))
		var peaks []float64
		for range 200 {
			if e := excess(r, 0); e <= bound {
				peaks = append(peaks, e)
			}
		}
		f, err := FitBelow(bound, 0, peaks, 1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Fit(0, peaks, 1)
		if err != nil {
			t.Fatal(err)
		}
		known, blind = append(known, 200*survival(f.Level(rate), 0)/rate),
			append(blind, 200*survival(b.Level(rate), 0)/rate)
	}
	middle := func(all []float64) float64 {
		slices.Sort(all)
		return stat.Quantile(0.5, stat.LinInterp, all, nil)
	}
	t.Logf("true rate over the wanted one, median: %.2f; without the bound %.2f", middle(known), middle(blind))
	if m := middle(known); m > 2 || m < 1e-4 || middle(blind) < 4 {
		t.Errorf("true rate over the wanted one, median: %.2f; without the bound %.2f", m, middle(blind))
	}
	if _, err := FitBelow(1, 0, slices.Repeat([]float64{1.5}, MinPeaks), 1); err == nil ||
		!strings.Contains(err.Error(), "must be at most 1") {
		t.Errorf("error %v", err)
	}
}
