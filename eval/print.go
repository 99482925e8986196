package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// PrintFormats prints the formats of data sets that Open knows.
func PrintFormats(w io.Writer) error {
	for _, f := range Formats() {
		indent := func(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
		if _, err := fmt.Fprintf(w, "%s\n%s\n\n%s\n\n", f.Name, indent(f.Source),
			indent(indent(f.Layout))); err != nil {
			return err
		}
	}
	return nil
}

// Print prints the figures as tables.
func (r *Result) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s (%s): %d videos, %d frames, %d of them abnormal\n\n", r.Dataset, r.Format, len(r.Videos),
		r.Frames, r.Abnormal)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "protocol\tmicro AUC\t95 %\tmacro AUC\t95 %\tEER\tAP\tframes")
	row := func(name string, m *Measures) {
		if m == nil {
			return
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", name, m.MicroAUC, m.MicroAUCInterval, m.MacroAUC,
			m.MacroAUCInterval, m.EER, m.AP, m.Frames)
	}
	row("paper (each video scaled)", r.Paper)
	row("raw (the same, not scaled)", r.Raw)
	row(fmt.Sprintf("live, hop %d, label at start + 8", r.Live.Hop), &r.Live.Measures)
	row(fmt.Sprintf("live, hop %d, no delay", r.Live.Hop), r.Live.NoDelay)
	if err := w.Flush(); err != nil {
		return err
	}
	if t := r.Live.AtThreshold; t != nil {
		fmt.Fprintf(out,
			"\nat the threshold: %s of the abnormal frames found, %s of the normal ones flagged; without delay %s "+
				"and %s\n",
			t.TPR, t.FPR, t.NoDelayTPR, t.NoDelayFPR)
	}
	if v := r.Live.Events; v != nil {
		if err := v.print(out); err != nil {
			return err
		}
	}
	if p := r.Pixels; p != nil {
		fmt.Fprintf(out, "pixels: AUC %s, RBDC %s, TBDC %s (%d regions, %d tracks in %d frames)\n", p.AUC, p.RBDC,
			p.TBDC, p.Regions, p.Tracks, p.Frames)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	return nil
}

// print prints the events at the threshold, and what other shares of them would cost.
func (e *Events) print(out io.Writer) error {
	fmt.Fprintf(out,
		"events: %d of %d found, %d missed, %d of %d alarms false, %s an hour; seconds until the alarm: median %s, "+
			"mean %s, longest %s\n",
		e.Found, e.Truth, e.Missed, e.False, e.Alarms, number4(float64(e.FalsePerHour)),
		number4(float64(e.DelayMedian)), number4(float64(e.DelayMean)), number4(float64(e.DelayMax)))
	if e.FoundByEarlier > 0 {
		fmt.Fprintf(out, "events found only by an alarm from more than %g s before, which have no delay: %d\n", maxLead,
			e.FoundByEarlier)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w,
		"\nevents found\tfalse alarms a day\tmedian seconds until the alarm\ttheta\ttimes as far from lo")
	for _, a := range e.AtRecall {
		fmt.Fprintf(w, "%g %%\t%s\t%s\t%s\t%s\n", 100*a.Recall, number4(float64(a.FalsePerDay)),
			number4(float64(a.DelayMedian)), number4(float64(a.Theta)), number4(float64(a.Scale)))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// number4 has four significant digits.
func number4(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.4g", v)
}
