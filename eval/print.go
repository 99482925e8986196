package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"vigil/internal/synth/kinds"
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
	if k := r.Kinds; k != nil {
		if err := k.Print(out); err != nil {
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

// Print prints a row for each kind, and the sums.
func (k *Kinds) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nkind\tgroup\tfound\tmedian seconds\tcause\tmotion\tappearance\tfalse\tuntrusted\tcalm")
	for _, b := range k.ByKind {
		found := fmt.Sprintf("%d of %d", b.Found, len(b.Instances))
		if b.Group == string(kinds.Quiet) {
			found = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", b.Kind, b.Group, found,
			number2(b.DelayMedian), b.causes(), b.span(func(v *KindInstance) Number { return v.Motion }),
			b.span(func(v *KindInstance) Number { return v.Appearance }), b.False, b.untrusted(),
			b.span(func(v *KindInstance) Number { return v.Calm }))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "kinds: %d of %d found in at least two thirds of their instances; %d of %d quiet videos quiet; "+
		"%d false in %s h of the others; %d of %d times tampering reported within %g s\n\n", k.Found, k.Of, k.Quiet,
		k.QuietOf, k.False, number2(k.Hours), k.Tampering, k.TamperingOf, maxTamperingDelay)
	return nil
}

// causes lists the measures of the alarms, and how many each raised.
func (b *KindResult) causes() string {
	count := map[string]int{}
	for _, v := range b.Instances {
		if v.Cause != "" {
			count[v.Cause]++
		}
	}
	var parts []string
	for _, cause := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s %d", cause, count[cause]))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// untrusted says how many instances were reported as not to be trusted, and why.
func (b *KindResult) untrusted() string {
	n := 0
	var reasons []string
	for _, v := range b.Instances {
		if v.Untrusted {
			n++
			reasons = append(reasons, v.Reason)
		}
	}
	if n == 0 && !b.Tampering {
		return "-"
	}
	slices.Sort(reasons)
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, strings.Join(slices.Compact(reasons), ", ")))
}

// span is the range of a figure over the instances.
func (b *KindResult) span(figure func(*KindInstance) Number) string {
	low, high := nan, nan
	for i := range b.Instances {
		v := figure(&b.Instances[i])
		high = maxNumber(high, v)
		if !low.defined() || v < low {
			low = v
		}
	}
	if number2(low) == number2(high) {
		return number2(low)
	}
	return number2(low) + " to " + number2(high)
}

// number2 has two significant digits below 10.
func number2(v Number) string {
	switch {
	case !v.defined():
		return "-"
	case v >= 10:
		return fmt.Sprintf("%.0f", float64(v))
	case v >= 1:
		return fmt.Sprintf("%.1f", float64(v))
	}
	return fmt.Sprintf("%.2f", float64(v))
}

// number4 has four significant digits.
func number4(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return fmt.Sprintf("%.4g", v)
}
