package calibrate

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"

	"vigil/pipeline/calibrate/tail"
)

// How a calibration's threshold was found.
const (
	// RuleBudget is the level that the detector's events are expected to pass as often as the budget allows.
	RuleBudget = "budget"
	// RuleClips is the level that single clips are expected to pass as often as the budget allows. It is for video
	// with too few events, and always provisional. Clips that pass come in runs, each of which is one event at most,
	// so it lies as a rule higher than RuleBudget's would; but no farther above the highest error than that is above
	// the median, since a tail of so little may be anything.
	RuleClips = "clips"
	// RuleQuantile is a quantile of the clips' errors and a margin, which promises nothing about how many alarms there
	// will be.
	RuleQuantile = "quantile"
)

// What a calibration asks for by default.
const (
	DefaultLoQuantile    = 0.05
	DefaultThetaQuantile = 0.995
	DefaultMargin        = 0.1
)

const (
	// minCalibrationClips is the least that quantiles are taken from; below it they are noise.
	minCalibrationClips = 20
	// tailFraction is the share of the clips that RuleClips takes for the tail, after DuMouchel's rule of thumb
	// (Annals of Statistics 11, 1983).
	tailFraction = 0.1
	// maxExtrapolation is how many times the footage's length a threshold may look ahead. Beyond that it rests on the
	// tail's shape alone, and is provisional.
	maxExtrapolation = 10
	// confidence is the probability with which the interval of theta holds what it should.
	confidence = 0.95

	secondsADay = 24 * 60 * 60
)

// Tail is what the threshold of RuleBudget or RuleClips rests on.
type Tail struct {
	Level  float64 `json:"level"`  // the error above which events or clips were counted
	Events int     `json:"events"` // that the detector opened there in the normal video; for RuleClips the clips
	Shape  float64 `json:"shape"`  // of the generalized Pareto distribution of what is above Level
	Scale  float64 `json:"scale"`  // likewise, an error
	// the theta that truly keeps the budget lies between these two with 95 %; 0 for RuleClips
	ThetaLow  float64 `json:"theta_low"`
	ThetaHigh float64 `json:"theta_high"` // likewise
	// Capped says that the tail puts theta higher than RuleClips lets it lie.
	Capped bool `json:"capped,omitempty"`
}

// Fit fills in places, lo and theta from normal clips. c has what the clips cannot say: the key, LoQuantile, and
// for theta either AlarmsPerDay with the Detector, or 0 and a ThetaQuantile with a Margin. The latter are also taken
// where the video is too short for any budget, and Why then says so; as it does of RuleClips. It returns an error for
// too few clips, for an error that is not finite and for errors that do not differ.
func Fit(c Calibration, n *NormalScores) (Calibration, error) {
	if n.Clips() < minCalibrationClips {
		return c, fmt.Errorf(
			"calibrate %s: %d clips are too few, at least %d are needed: use more video or a smaller hop",
			c.Key.Camera, n.Clips(), minCalibrationClips)
	}
	if !(c.Key.FPS > 0) || math.IsInf(c.Key.FPS, 0) {
		return c, fmt.Errorf("calibrate %s: the frame rate is %g: the source's times do not move on",
			c.Key.Camera, c.Key.FPS)
	}
	for _, clip := range n.clips {
		if e := clip.error; math.IsNaN(e) || math.IsInf(e, 0) {
			return c, fmt.Errorf("calibrate %s: the error of a clip is %g", c.Key.Camera, e)
		}
	}
	c.Sensitivity = n.applySensitivity()
	sorted := make([]float64, n.Clips())
	for i, clip := range n.clips {
		sorted[i] = clip.error
	}
	slices.Sort(sorted)
	c.Version = calibrationVersion
	c.Clips, c.Min, c.Max, c.Seconds = n.Clips(), sorted[0], sorted[len(sorted)-1], n.Seconds()
	c.Lo = stat.Quantile(c.LoQuantile, stat.LinInterp, sorted, nil)
	c.byBudget(n, sorted)
	if c.Rule == "" {
		c.Rule = RuleQuantile
		high := stat.Quantile(c.ThetaQuantile, stat.LinInterp, sorted, nil)
		c.Theta = high + c.Margin*(high-c.Lo)
	}
	if !(c.Theta > c.Lo) {
		return c, fmt.Errorf("calibrate %s: all %d clips have the same error %g: is this a still picture?",
			c.Key.Camera, n.Clips(), c.Lo)
	}
	c.ID = c.contentID()
	return c, nil
}

// byBudget finds theta by the number of alarms that are allowed, or says why it cannot. sorted are the clips' errors,
// ascending.
func (c *Calibration) byBudget(n *NormalScores, sorted []float64) {
	if c.AlarmsPerDay == 0 {
		return
	}
	days := c.Seconds / secondsADay
	c.HoursNeeded = 24 / c.AlarmsPerDay / maxExtrapolation
	c.Provisional = days*maxExtrapolation < 1/c.AlarmsPerDay
	level, peaks := n.selectPeaks(c.Detector.Config(), c.Lo)
	if len(peaks) < tail.MinPeaks {
		c.Provisional = true
		c.HoursNeeded = max(c.HoursNeeded, 24*days*tail.MinPeaks/max(float64(len(peaks)), 1))
		c.NoBudgetReason = fmt.Sprintf("at most %d separate events in %.2g hours, at least %d are needed",
			len(peaks), 24*days,
			tail.MinPeaks)
		c.byClips(sorted, days)
		return
	}
	t, err := tail.Fit(level, peaks, days)
	if err != nil {
		c.Provisional, c.NoBudgetReason = true, err.Error()
		return
	}
	theta := func(level float64) float64 { return thetaOf(level, c.Lo, c.Detector.Enter) }
	low, high := t.Interval(c.AlarmsPerDay, confidence)
	c.Rule, c.Theta = RuleBudget, theta(t.Level(c.AlarmsPerDay))
	c.Tail = &Tail{
		Level: level, Events: t.Peaks, Shape: t.Shape, Scale: t.Scale, ThetaLow: theta(low),
		ThetaHigh: theta(high),
	}
}

// byClips finds theta by the highest tenth of the clips, where these are enough.
func (c *Calibration) byClips(sorted []float64, days float64) {
	from := stat.Quantile(1-tailFraction, stat.Empirical, sorted, nil)
	above := sorted[sort.Search(len(sorted), func(i int) bool { return sorted[i] > from }):]
	t, err := tail.Fit(from, above, days)
	if err != nil {
		return
	}
	level, most := t.Level(c.AlarmsPerDay), 2*c.Max-stat.Quantile(0.5, stat.LinInterp, sorted, nil)
	c.Rule, c.Theta = RuleClips, thetaOf(min(level, most), c.Lo, c.Detector.Enter)
	c.Tail = &Tail{Level: from, Events: t.Peaks, Shape: t.Shape, Scale: t.Scale, Capped: level > most}
}

// Median returns the median of values; NaN for none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return stat.Quantile(0.5, stat.LinInterp, slices.Sorted(slices.Values(values)), nil)
}
