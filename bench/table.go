package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the result as tables.
func (r *Result) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d threads on %s\n", r.ISA, r.Threads, r.CPU)
	fmt.Fprintf(w, "peak %.0f GFLOP/s (%s; at best %.0f), memory %.1f GB/s\n", r.Peak, r.PeakISA, r.PeakBest,
		r.Bandwidth)
	for _, name := range r.Names() {
		if err := r.Presets[name].print(w, name, r.Peak); err != nil {
			return err
		}
	}
	return nil
}

func (p *Preset) print(out io.Writer, name string, peak float64) error {
	fmt.Fprintf(out, "\npreset %s: %.4g GFLOP a clip\n", name, p.GFLOP)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tms\tbest\tquartiles\tGFLOP/s\tof peak\tbest of best\t")
	for _, l := range p.Layers {
		rate, share, best := "-", "-", "-"
		if l.GFLOP > 0 {
			rate, share, best = fmt.Sprintf("%.1f", l.GFLOPS), percent(l.Share), percent(l.BestShare)
		}
		label := l.Name
		if l.Kind != l.Name {
			label = l.Kind + " " + l.Name
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\t%s\t%s\t%s\t\n", label, ms(l.Seconds), ms(l.Best), rate, share, best)
	}
	row := func(label string, m *Measure) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s to %s\t%.1f\t%s\t%s\t\n", label, ms(m.Seconds), ms(m.Best), ms(m.Low),
			ms(m.High), m.GFLOPS,
			percent(m.Share), percent(m.BestShare))
	}
	row("a clip, all of it", &p.Forward.Measure)
	if t := p.Forward.Batched; t != nil {
		row("with a clip on each thread, a clip's share", t)
	}
	for _, s := range []*Step{p.Step, p.Step4} {
		if s != nil {
			row(fmt.Sprintf("a clip of a training step, batch %d", s.Batch), &s.Measure)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if p.Step != nil {
		if err := p.Step.print(out, peak); err != nil {
			return err
		}
	}
	f := p.Forward
	fmt.Fprintf(out, "%.3g clips/s: with a clip every %d frames %.3g cameras at 10 fps, %.3g at 25 fps\n",
		f.ClipsPerSecond, Hop, f.Cameras10, f.Cameras25)
	fmt.Fprintf(out, "holds %s, %.3g allocations a clip", bytesText(f.Bytes), f.Allocs)
	for _, s := range []*Step{p.Step, p.Step4} {
		if s != nil {
			fmt.Fprintf(out, "; training with batch %d holds %s", s.Batch, bytesText(s.Bytes))
		}
	}
	fmt.Fprintln(out)
	for _, n := range p.Notes {
		fmt.Fprintln(out, n)
	}
	return nil
}

// print writes the times of a step's stages.
func (s *Step) print(out io.Writer, peak float64) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "of that step, ms\tforward\tof peak\tweights\tof peak\tinput\tof peak\tnorm, other\t\n")
	for _, p := range s.Stages {
		fmt.Fprintf(w, "%s\t", p.Name)
		for _, seconds := range []float64{p.Forward, p.Weights, p.Input} {
			if seconds == 0 {
				fmt.Fprint(w, "\t\t")
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t", ms(seconds), percent(p.GFLOP/seconds/peak))
		}
		if p.Other > 0 {
			fmt.Fprint(w, ms(p.Other))
		}
		fmt.Fprintln(w, "\t")
	}
	return w.Flush()
}

// ms formats a time in milliseconds with at least four digits.
func ms(seconds float64) string {
	v := seconds * 1e3
	switch {
	case v < 10:
		return fmt.Sprintf("%.3f", v)
	case v < 100:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
