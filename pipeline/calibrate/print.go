package calibrate

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

// Print describes the calibration in the file path, and how far its threshold can be trusted.
func (c *Calibration) Print(w io.Writer, path string) {
	fmt.Fprintf(w, "%s: camera %s, lo %.4g, theta %.4g from %d clips (%s) of normal video; errors from %.4g to %.4g\n",
		path, c.Key.Camera, c.Lo, c.Theta, c.Clips, hours(c.Seconds/3600), c.Min, c.Max)
	if text := excludedText(c.Excluded); text != "" {
		fmt.Fprintln(w, text)
	}
	switch {
	case c.Rule == RuleBudget:
		t := c.Tail
		fmt.Fprintf(w, "theta allows %s; the true value lies between %.4g and %.4g (95 %%)\n",
			perDay(c.allowed()), t.ThetaLow, t.ThetaHigh)
		fmt.Fprintf(w, "it rests on %d events above the error %.4g, tail of shape %.2g\n", t.Events, t.Level, t.Shape)
		if c.Provisional {
			fmt.Fprintf(w, "provisional: %s takes %s of normal video\n", perDay(c.AlarmsPerDay), hours(c.HoursNeeded))
		}
	case c.Rule == RuleClips:
		fmt.Fprintf(w, "provisional: %s; %s takes %s of video\n", c.NoBudgetReason, perDay(c.AlarmsPerDay),
			hours(c.HoursNeeded))
	case c.Rule == RuleHighest:
		fmt.Fprintf(w, "provisional: too little video for a number of alarms: %s\n", c.NoBudgetReason)
		fmt.Fprintf(w, "theta is twice as far from lo as the highest level that was held; %s takes about %s of video\n",
			perDay(c.AlarmsPerDay), hours(c.HoursNeeded))
	case c.AlarmsPerDay > 0:
		fmt.Fprintf(w, "provisional: too little video for a number of alarms: %s\n", c.NoBudgetReason)
		fmt.Fprintf(w,
			"theta is the %.4g quantile of the errors and %.3g %% more, whatever the number of alarms is then; %s "+
				"takes about %s of video\n",
			c.ThetaQuantile, 100*c.Margin, perDay(c.AlarmsPerDay), hours(c.HoursNeeded))
	default:
		fmt.Fprintf(w,
			"theta is the %.4g quantile of the errors and %.3g %% more; no number of alarms is set\n",
			c.ThetaQuantile, 100*c.Margin)
	}
	if share, most := c.Sensitivity.Coverage(); share > 0 {
		fmt.Fprintf(w, "%.0f %% of the picture is noisy in normal video; errors there are divided by up to %.2g\n",
			100*share, most)
	}
}

// allowed is the number of false alarms a day that Theta is for.
func (c *Calibration) allowed() float64 { return cmp.Or(c.AlarmsExpected, c.AlarmsPerDay) }

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
