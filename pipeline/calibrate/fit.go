package calibrate

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat"

	"vigil/pipeline/calibrate/tail"
	"vigil/pipeline/detect"
)

// Values of Calibration.Rule.
const (
	// RuleBudget is the level that the detector's events are expected to exceed as often as the budget allows.
	RuleBudget = "budget"
	// RuleClips is the level that single clips are expected to exceed as often as the budget allows. It is for video
	// with too few events, and always provisional. Clips above a level come in runs, and a run is at most one event, so
	// theta is usually higher than with RuleBudget. It is at most as far above the highest error as that is above the
	// median, since a tail fitted to so few clips is unreliable.
	RuleClips = "clips"
	// RuleQuantile is a quantile of the clips' errors plus a margin. It keeps to no number of alarms.
	RuleQuantile = "quantile"
)

// What a calibration asks for by default.
const (
	DefaultLoQuantile    = 0.05
	DefaultThetaQuantile = 0.995
	DefaultMargin        = 0.1
)

const (
	// minCalibrationClips is the minimum for quantiles; those of fewer clips are noise.
	minCalibrationClips = 20
	// tailFraction is the share of the clips that RuleClips fits the tail to, after DuMouchel's rule of thumb (Annals
	// of Statistics 11, 1983).
	tailFraction = 0.1
	// maxExtrapolation is how many times the video's length a threshold may look ahead. Beyond that it depends on the
	// tail's shape alone, and is provisional.
	maxExtrapolation = 10
	// confidence is the probability that the interval of theta contains its true value.
	confidence = 0.95

	secondsADay = 24 * 60 * 60
)

// Tail is the fitted tail that the threshold of RuleBudget or RuleClips is based on.
type Tail struct {
	Level  float64 `json:"level"`  // error above which events or clips were counted
	Events int     `json:"events"` // opened by the detector there in the normal video; for RuleClips the clips
	Shape  float64 `json:"shape"`  // of the generalized Pareto distribution of the excess over Level
	Scale  float64 `json:"scale"`  // likewise, in units of the error
	// ThetaLow and ThetaHigh bound the theta that truly keeps the budget, with a probability of 95 %; 0 for RuleClips.
	ThetaLow  float64 `json:"theta_low"`
	ThetaHigh float64 `json:"theta_high"`
	// Capped is true if RuleClips has limited theta to below the tail's level.
	Capped bool `json:"capped,omitempty"`
}

// Fit sets Sensitivity, Lo and Theta from normal clips. c holds the rest: the key, ScoreForm, LoQuantile, and for theta
// either AlarmsPerDay and Detector, or AlarmsPerDay 0, ThetaQuantile and Margin. ThetaQuantile and Margin are also used
// if the video is too short for RuleBudget and RuleClips; NoBudgetReason then says why, as it does for RuleClips. If
// Appearance is set, it is fitted too, and each measure gets half of AlarmsPerDay. Fit returns an error for too few
// clips, for an error that is not finite and for errors that do not differ.
func Fit(c Calibration, n *NormalScores) (Calibration, error) {
	if n.Clips() < minCalibrationClips {
		return c, fmt.Errorf(
			"calibrate %s: %d clips are too few, at least %d are needed: use more video or a smaller hop",
			c.Key.Camera, n.Clips(), minCalibrationClips)
	}
	if !(c.Key.FPS > 0) || math.IsInf(c.Key.FPS, 0) {
		return c, fmt.Errorf("calibrate %s: the frame rate is %g: the source's timestamps do not advance",
			c.Key.Camera, c.Key.FPS)
	}
	own := n.of(MeasureOf(c.ScoreForm))
	if own == nil {
		return c, fmt.Errorf("calibrate %s: the clips have no errors of the score %q", c.Key.Camera, c.ScoreForm)
	}
	c.Version, c.Clips, c.Seconds = oneMeasureVersion, n.Clips(), n.Seconds()
	perDay := c.AlarmsPerDay
	var appearance *NormalScores
	if c.Appearance != nil {
		if appearance = n.of(detect.Appearance); appearance == nil || appearance.measure == own.measure {
			return c, fmt.Errorf("calibrate %s: the score %q has no second measure", c.Key.Camera, c.ScoreForm)
		}
		c.Version, perDay = calibrationVersion, c.AlarmsPerDay/2
	}
	f, err := c.fitMeasure(own, perDay)
	if err != nil {
		return c, err
	}
	c.Lo, c.Theta, c.Rule, c.Tail, c.NoBudgetReason = f.Lo, f.Theta, f.Rule, f.Tail, f.NoBudgetReason
	c.Provisional, c.HoursNeeded, c.Sensitivity = f.Provisional, f.HoursNeeded, f.Sensitivity
	c.Min, c.Max = f.Min, f.Max
	if appearance != nil {
		if f, err = c.fitMeasure(appearance, perDay); err != nil {
			return c, err
		}
		c.Appearance = &f
	}
	c.ID = c.contentID()
	return c, nil
}

// fitMeasure fits one measure, whose errors are those of n, to so many false alarms a day, or to a quantile for 0.
func (c *Calibration) fitMeasure(n *NormalScores, perDay float64) (f MeasureFit, err error) {
	for _, clip := range n.clips {
		if e := clip.error; math.IsNaN(e) || math.IsInf(e, 0) {
			return f, fmt.Errorf("calibrate %s: the error of a clip is %g", c.Key.Camera, e)
		}
	}
	f.Sensitivity = n.applySensitivity()
	sorted := make([]float64, n.Clips())
	for i, clip := range n.clips {
		sorted[i] = clip.error
	}
	slices.Sort(sorted)
	f.Min, f.Max = sorted[0], sorted[len(sorted)-1]
	f.Lo = stat.Quantile(c.LoQuantile, stat.LinInterp, sorted, nil)
	if perDay > 0 {
		f.byBudget(n, sorted, c.Detector.Config(), perDay)
	}
	if f.Rule == "" {
		f.Rule = RuleQuantile
		high := stat.Quantile(c.ThetaQuantile, stat.LinInterp, sorted, nil)
		f.Theta = high + c.Margin*(high-f.Lo)
	}
	if !(f.Theta > f.Lo) {
		return f, fmt.Errorf("calibrate %s: all %d clips have the same error %g: is this a still picture?",
			c.Key.Camera, n.Clips(), f.Lo)
	}
	return f, nil
}

// byBudget finds theta for so many alarms a day, or sets NoBudgetReason. sorted holds the clips' errors, ascending.
func (f *MeasureFit) byBudget(n *NormalScores, sorted []float64, cfg detect.Config, perDay float64) {
	days := n.Seconds() / secondsADay
	f.HoursNeeded = 24 / perDay / maxExtrapolation
	f.Provisional = days*maxExtrapolation < 1/perDay
	level, peaks := n.selectPeaks(cfg, f.Lo)
	if len(peaks) < tail.MinPeaks {
		f.Provisional = true
		f.HoursNeeded = max(f.HoursNeeded, 24*days*tail.MinPeaks/max(float64(len(peaks)), 1))
		f.NoBudgetReason = fmt.Sprintf("at most %d separate events in %.2g hours, at least %d are needed",
			len(peaks), 24*days,
			tail.MinPeaks)
		f.byClips(sorted, days, cfg.Enter, perDay)
		return
	}
	t, err := tail.Fit(level, peaks, days)
	if err != nil {
		f.Provisional, f.NoBudgetReason = true, err.Error()
		return
	}
	theta := func(level float64) float64 { return thetaOf(level, f.Lo, cfg.Enter) }
	low, high := t.Interval(perDay, confidence)
	f.Rule, f.Theta = RuleBudget, theta(t.Level(perDay))
	f.Tail = &Tail{
		Level: level, Events: t.Peaks, Shape: t.Shape, Scale: t.Scale, ThetaLow: theta(low),
		ThetaHigh: theta(high),
	}
}

// byClips fits the tail to the highest clips themselves. It leaves Rule empty if they are too few.
func (f *MeasureFit) byClips(sorted []float64, days, enter, perDay float64) {
	from := stat.Quantile(1-tailFraction, stat.Empirical, sorted, nil)
	above := sorted[sort.Search(len(sorted), func(i int) bool { return sorted[i] > from }):]
	t, err := tail.Fit(from, above, days)
	if err != nil {
		return
	}
	level, most := t.Level(perDay), 2*f.Max-stat.Quantile(0.5, stat.LinInterp, sorted, nil)
	f.Rule, f.Theta = RuleClips, thetaOf(min(level, most), f.Lo, enter)
	f.Tail = &Tail{Level: from, Events: t.Peaks, Shape: t.Shape, Scale: t.Scale, Capped: level > most}
}
