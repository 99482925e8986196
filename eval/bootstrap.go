package eval

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// DefaultResamplings is the usual number of resamplings for the intervals of Measure.
const DefaultResamplings = 1000

// bootstrap computes the intervals (Efron, 1979). Whole videos are drawn with replacement, as many as there are, since
// the frames of a video are far from independent; the interval is from the 2.5th to the 97.5th percentile. A resampling
// for which a figure is undefined, such as the AUC of abnormal frames only, is left out of that figure's interval.
func (r *ranking) bootstrap(m *Measures, resamplings int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, seed))
	var micro, macro, eer, ap []float64
	drawn := make([]int, len(r.rank))
	t := r.histogram(nil)
	for range resamplings {
		for i := range drawn {
			drawn[i] = random.IntN(len(drawn))
		}
		t.count(r, drawn)
		mean, _ := r.macro(drawn)
		micro, macro = append(micro, t.auc()), append(macro, mean)
		eer, ap = append(eer, t.eer()), append(ap, t.ap())
	}
	m.MicroAUCInterval, m.MacroAUCInterval = interval95(micro), interval95(macro)
	m.EERInterval, m.APInterval = interval95(eer), interval95(ap)
}

// interval95 is the range of the middle 95 % of values, without NaNs.
func interval95(values []float64) Interval {
	values = slices.DeleteFunc(values, math.IsNaN)
	if len(values) == 0 {
		return Interval{nan, nan}
	}
	slices.Sort(values)
	return Interval{
		Number(stat.Quantile(0.025, stat.LinInterp, values, nil)),
		Number(stat.Quantile(0.975, stat.LinInterp, values, nil)),
	}
}
