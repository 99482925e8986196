package calibrate

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"vigil/pipeline/calibrate/tail"
	"vigil/pipeline/detect"
)

// Values of Calibration.Rule.
const (
	// RuleBudget is the level that events are expected to exceed as often as is allowed.
	RuleBudget = "budget"
	// RuleHighest is some times as far from lo as the highest level, for less than ten minutes of video and where
	// there are too few events for a tail. It keeps to no number of alarms; Adaptive draws it in while watching.
	RuleHighest = "highest"
	// RuleClips is of calibrations by earlier versions: the level of single clips.
	RuleClips = "clips"
	// RuleQuantile is a quantile of the errors plus a margin. It keeps to no number of alarms.
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
	// lookAhead is how many times the video's length a threshold may look ahead: beyond that it depends on the tail's
	// shape alone. With less video more alarms are allowed.
	lookAhead = 10
	// cautiousBlocks is the number of blocks, five minutes of them, up to which a provisional theta is no lower than
	// that of RuleHighest: the tail of a few peaks is as likely too light as too heavy. With twice as many the tail
	// alone decides.
	cautiousBlocks = 100
	// highestFactor is RuleHighest's for two minutes of video. The more often something happens that is as unusual as
	// the highest level, the sooner there is something more unusual: in a heavy tail, the factor falls as a power of
	// the length. Of the exponents 0 to 0.3 and the factors 2 to 5, these keep a drawn street below two false alarms
	// an hour after one, two and five minutes, and Avenue's place after 16 s (docs/threshold.md).
	highestFactor   = 3
	highestBlocks   = 40
	highestExponent = 0.25
	// confidence is the probability that the interval of theta contains its true value.
	confidence = 0.95

	secondsADay = 24 * 60 * 60
)

// Tail is the fitted tail that the threshold of RuleBudget is based on, and that of RuleHighest is above.
type Tail struct {
	Level  float64 `json:"level"`  // above which events were counted
	Events int     `json:"events"` // that the detector could have opened there in the normal video
	Shape  float64 `json:"shape"`  // of the generalized Pareto distribution of the excess over Level
	Scale  float64 `json:"scale"`  // likewise, in units of the error
	// ThetaLow and ThetaHigh bound the theta that truly brings AlarmsExpected, with a probability of 95 %.
	ThetaLow  float64 `json:"theta_low"`
	ThetaHigh float64 `json:"theta_high"`
	// Capped is of RuleClips.
	Capped bool `json:"capped,omitempty"`
	// Peaks are the levels of the events, in order, and Blocks is the number of pieces of video that they are among.
	Peaks  []float64 `json:"peaks,omitempty"`
	Blocks int       `json:"blocks,omitempty"`
}

// Fit sets Sensitivity, Lo and Theta from normal clips. c holds the rest: the key, ScoreForm, LoQuantile, and for
// theta either AlarmsPerDay and Detector, or AlarmsPerDay 0, ThetaQuantile and Margin. ThetaQuantile and Margin are
// also used if the video is too short for RuleBudget; NoBudgetReason then says why. If Appearance is set, it is fitted
// too, and each measure gets half of AlarmsPerDay. Fit returns an error for too few clips, for an error that is not
// finite and for errors that do not differ.
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
	c.Version, c.Clips, c.Seconds = calibrationVersion, n.Clips(), n.Seconds()
	var appearance *NormalScores
	if c.Appearance != nil {
		if appearance = n.of(detect.Appearance); appearance == nil || appearance.measure == own.measure {
			return c, fmt.Errorf("calibrate %s: the score %q has no second measure", c.Key.Camera, c.ScoreForm)
		}
	}
	f, err := c.fitMeasure(own)
	if err != nil {
		return c, err
	}
	c.Lo, c.Theta, c.Rule, c.Tail, c.NoBudgetReason = f.Lo, f.Theta, f.Rule, f.Tail, f.NoBudgetReason
	c.Provisional, c.HoursNeeded, c.Sensitivity = f.Provisional, f.HoursNeeded, f.Sensitivity
	c.AlarmsExpected = f.AlarmsExpected
	c.Min, c.Max = f.Min, f.Max
	if appearance != nil {
		if f, err = c.fitMeasure(appearance); err != nil {
			return c, err
		}
		c.Appearance = &f
	}
	c.ID = c.contentID()
	return c, nil
}

// measures is the number of measures, which share the allowed alarms.
func (c *Calibration) measures() float64 {
	if c.Appearance != nil {
		return 2
	}
	return 1
}

// expected is how many false alarms a day so many days of normal video can be asked about.
func (c *Calibration) expected(days float64) float64 { return max(c.AlarmsPerDay, 1/(lookAhead*days)) }

// fitMeasure fits one measure, whose errors are those of n, to its share of the allowed alarms, or to a quantile.
func (c *Calibration) fitMeasure(n *NormalScores) (f MeasureFit, err error) {
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
	if c.AlarmsPerDay > 0 {
		held := n.heldLevels(c.Detector.Config(), f.Lo)
		blocks := n.blocks(held)
		c.byBudget(&f, blocks, n.Seconds()/secondsADay)
		c.byHighest(&f, slices.Max(held), len(blocks))
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

// byHighest raises the theta of f to that of RuleHighest if the video is short, and sets it if there is none.
func (c *Calibration) byHighest(f *MeasureFit, highest float64, blocks int) {
	if f.Rule != "" && !f.Provisional || !(highest > f.Lo) {
		return
	}
	factor := highestFactor * math.Pow(highestBlocks/float64(blocks), highestExponent)
	if f.Rule == "" {
		factor = max(highestFactor, factor) // of long video in which hardly anything happened, too
	} else {
		factor *= min(1, 2-float64(blocks)/cautiousBlocks)
	}
	theta := thetaOf(f.Lo+factor*(highest-f.Lo), f.Lo, c.Detector.Enter)
	if f.Rule != "" && theta <= f.Theta {
		return
	}
	if f.Rule == RuleBudget {
		f.NoBudgetReason = fmt.Sprintf("%.2g minutes are too short to rely on their %d events",
			float64(blocks)*blockLength.Minutes(), f.Tail.Events)
	}
	f.Rule, f.Theta = RuleHighest, theta
}

// byBudget finds the theta of f from the blocks of so many days of normal video, or sets NoBudgetReason.
func (c *Calibration) byBudget(f *MeasureFit, blocks []block, days float64) {
	f.HoursNeeded = 24 / c.AlarmsPerDay / lookAhead
	level, peaks := selectPeaks(blocks, len(blocks))
	if len(peaks) < tail.MinPeaks {
		f.Provisional = true
		f.NoBudgetReason = fmt.Sprintf("at most %d separate events in %.2g hours, at least %d are needed",
			len(peaks), 24*days, tail.MinPeaks)
		return
	}
	t, err := tail.Fit(level, peaks, days)
	if err != nil {
		f.Provisional, f.NoBudgetReason = true, err.Error()
		return
	}
	f.AlarmsExpected = c.expected(days) / c.measures()
	f.Provisional = c.expected(days) > c.AlarmsPerDay
	theta := func(level float64) float64 { return thetaOf(level, f.Lo, c.Detector.Enter) }
	low, high := t.Interval(f.AlarmsExpected, confidence)
	f.Rule, f.Theta = RuleBudget, theta(t.Level(f.AlarmsExpected))
	f.Tail = &Tail{
		Level: level, Events: t.Peaks, Shape: t.Shape, Scale: t.Scale, ThetaLow: theta(low),
		ThetaHigh: theta(high), Peaks: peaks, Blocks: len(blocks),
	}
}
