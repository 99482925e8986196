package calibrate

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"vigil/pipeline/detect"
)

// Print describes the calibration in the file path, and how far its threshold can be trusted.
func (c *Calibration) Print(w io.Writer, path string) {
	fmt.Fprintf(w, "%s: camera %s, %d clips (%s) of normal video\n", path, c.Key.Camera, c.Clips, hours(c.Seconds/3600))
	if text := excludedText(c.Excluded); text != "" {
		fmt.Fprintln(w, text)
	}
	for _, s := range c.Scales() {
		f := c.FitOf(s.Measure)
		name := ""
		if c.Appearance != nil {
			name = string(s.Measure) + ": "
		}
		fmt.Fprintf(w, "%slo %.4g, theta %.4g; errors from %.4g to %.4g\n", name, f.Lo, f.Theta, f.Min, f.Max)
		c.printRule(w, f)
		if share, most := f.Sensitivity.Coverage(); share > 0 {
			fmt.Fprintf(w, "%.0f %% of the picture is noisy in normal video; errors there are divided by up to %.2g\n",
				100*share, most)
		}
	}
	switch hours := hours(c.HoursNeeded); {
	case c.Rule == RuleBudget && !c.Provisional:
	case c.Rule == RuleBudget:
		fmt.Fprintf(w, "provisional: %s takes %s of normal video\n", perDay(c.AlarmsPerDay), hours)
	case c.AlarmsPerDay > 0:
		fmt.Fprintf(w, "provisional: too little video for a number of alarms: %s; %s takes about %s of video\n",
			c.NoBudgetReason, perDay(c.AlarmsPerDay), hours)
	default:
		fmt.Fprintln(w, "no number of alarms is set")
	}
}

// FitOf returns what is fitted for a measure that the calibration has.
func (c *Calibration) FitOf(m detect.Measure) MeasureFit {
	if c.Appearance != nil && m == detect.Appearance {
		return *c.Appearance
	}
	return MeasureFit{
		Lo: c.Lo, Theta: c.Theta, Rule: c.Rule, Tail: c.Tail, NoBudgetReason: c.NoBudgetReason,
		Provisional: c.Provisional, HoursNeeded: c.HoursNeeded, AlarmsExpected: c.AlarmsExpected,
		Sensitivity: c.Sensitivity, Min: c.Min, Max: c.Max,
	}
}

// printRule says how the theta of a measure was found.
func (c *Calibration) printRule(w io.Writer, f MeasureFit) {
	switch f.Rule {
	case RuleBudget:
		t := f.Tail
		fmt.Fprintf(w, "theta allows %s; the true value lies between %.4g and %.4g (95 %%)\n",
			perDay(cmp.Or(f.AlarmsExpected, c.AlarmsPerDay)), t.ThetaLow, t.ThetaHigh)
		fmt.Fprintf(w, "it rests on %d events above the error %.4g, tail of shape %.2g\n", t.Events, t.Level, t.Shape)
	case RuleHighest:
		fmt.Fprintln(w, "theta is well above the highest level that was held, the more so the shorter the video")
		if t := f.Tail; t != nil {
			fmt.Fprintf(w, "the tail of the %d events above %.4g would allow %s between %.4g and %.4g (95 %%)\n",
				t.Events,
				t.Level, perDay(f.AlarmsExpected), t.ThetaLow, t.ThetaHigh)
		}
	case RuleQuantile:
		fmt.Fprintf(w, "theta is the %.4g quantile of the errors and %.3g %% more\n", c.ThetaQuantile, 100*c.Margin)
	}
}

// excludedText describes the excluded clips and their causes; "" for none.
func excludedText(l Excluded) string {
	var parts []string
	if l.AfterOpenings > 0 {
		parts = append(parts, fmt.Sprintf("%d clips in the moments after the source was opened again (%d times)",
			l.AfterOpenings, l.Openings))
	}
	if l.AfterGaps > 0 {
		parts = append(parts, fmt.Sprintf("%d clips in the moments after gaps (%d)", l.AfterGaps, l.Gaps))
	}
	if l.Sizes > 0 {
		parts = append(parts, fmt.Sprintf("%d clips of pictures of another size", l.Sizes))
	}
	if l.Untrusted > 0 {
		parts = append(parts, fmt.Sprintf("%d clips while the camera could not be trusted", l.Untrusted))
	}
	if parts == nil {
		return ""
	}
	return "left out, because they may not show what is normal: " + strings.Join(parts, ", ")
}

// perDay formats a rate in the largest unit that has at least one.
func perDay(rate float64) string {
	switch {
	case rate >= 24:
		return falseAlarms(rate/24) + " an hour"
	case rate >= 1:
		return falseAlarms(rate) + " a day"
	}
	return falseAlarms(7*rate) + " a week"
}

func falseAlarms(n float64) string {
	if n == 1 {
		return "1 false alarm"
	}
	return fmt.Sprintf("%.3g false alarms", n)
}

// hours formats a length of video.
func hours(h float64) string {
	switch {
	case h < 1./6:
		return fmt.Sprintf("%.0f s", 3600*h)
	case h < 2:
		return fmt.Sprintf("%.0f minutes", 60*h)
	}
	return fmt.Sprintf("%.3g hours", h)
}
