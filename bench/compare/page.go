package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/bench"
)

// The pictures of the page.
const (
	chartFile    = "compare.png"
	rooflineFile = "roofline.png"
)

// camerasFile is the output of vigil bench --cameras, in the folder of the figures; the page includes it if it exists.
const camerasFile = "cameras.md"

// noisyRatio is the largest ratio of the best peak to the median peak on an idle machine.
const noisyRatio = 1.1

// page formats the findings as Markdown.
func (f *Findings) page(plots string, o options) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	m, r := f.Machine, f.Alone
	line("# Benchmarks\n")
	line("Written by `make bench` from what it measured; every figure is in `%s`, every sample too.\n", o.samples)
	line("| | |\n|---|---|")
	line("| date | %s |", m.Date)
	line("| commit | %s%s |", m.Commit, map[bool]string{true: " and changes"}[m.Changed])
	line("| machine | %s, %d cores, %s |", r.CPU, m.Cores, strings.Join(m.Sets, ", "))
	line("| system | %s, %s |", m.System, m.Go)
	line("| threads | %d |", r.Threads)
	line("| peak | %.0f GFLOP/s of all threads together, the median over the run; %.0f at best |", r.Peak, r.PeakBest)
	line("| memory | %.1f GB/s, copying |", r.Bandwidth)
	if m.Load != "" {
		line("| load before the run | %s |", m.Load)
	}
	if r.PeakBest > noisyRatio*r.Peak {
		line("\n**The machine was not idle**: the peak's median is %.0f %% below its best. Whoever waits for all "+
			"threads in a tight loop, as those with", 100*(1-r.Peak/r.PeakBest))
		line("OpenMP do, is slowed more by that than others, so neither times nor ratios are those of an idle machine.")
	}
	line("\n## Beside others\n")
	line("%s\n", strings.Join([]string{
		"Everybody has the same weights, the same clip and the same number of threads, and computes in single " +
			"precision; they take turns",
		"within the same minutes, and who begins changes from round to round. Forward is a clip of 16 frames to its " +
			"map of errors; a",
		"step is forward, backward and Adam on one clip. PyTorch (no_grad and eval for forward) runs as Debian has " +
			"it, and once more with the system's",
		"allocator told to keep what is freed (MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ beyond any size), " +
			"which few who use it do;",
		"ONNX Runtime has the network that PyTorch exported, with all optimisations; oneDNN does the convolutions " +
			"only, each in the layout it likes best, without",
		"the memory and the error, and the transposed ones without bias and LeakyReLU. PyTorch's and ONNX Runtime's " +
			"error of the clip is",
		"held against vigil's before anything is timed.",
	}, "\n"))
	line("Seconds are for a clip. Share is that of the peak right before and after each round, the median. Ratio is " +
		"the median over vigil's.\n")
	line("![GFLOP/s of everybody](%s/%s)", plots, chartFile)
	for _, c := range f.Contests {
		c.table(line)
	}
	line("\n## vigil alone\n")
	line("`best of best` is the best round against the best peak of the run.\n")
	line("![Roofline of the layers](%s/%s)\n", plots, rooflineFile)
	line("```")
	if err := r.Print(&b); err != nil {
		return nil, err
	}
	line("```")
	if cameras, err := os.ReadFile(filepath.Join(filepath.Dir(o.samples), camerasFile)); err == nil {
		line("\n## Cameras\n\nAs many as one program watches, H.264 over HTTP at its own pace, before a clip is " +
			"skipped; and shares of the work of one.\n")
		line("%s", cameras)
	}
	line("\n## Again\n")
	line("    make bench                      # this page; what is not installed is left out, and says so")
	line("    bin/vigil bench --cameras >bench/cameras.md")
	line("    bin/vigil bench                 # vigil alone; --json, --isa, --threads, --preset, --plot")
	line("\nOn Debian 12: `apt-get install python3-torch python3-numpy nodejs npm g++ libdnnl-dev`. npm fetches " +
		"onnxruntime-node itself. Nothing")
	line("else should run on the machine.")
	return b.Bytes(), nil
}

// table writes the results of one preset.
func (c *Contest) table(line func(format string, args ...any)) {
	for _, task := range []string{forward, step} {
		work, what := c.work(task), map[string]string{forward: "a clip forward", step: "a training step, batch 1"}[task]
		line("\n### %s: %s (%.4g GFLOP)\n", c.Preset, what, work)
		line("| | version | median s | fastest to slowest | ratio | GFLOP/s | share |\n|---|---|--:|--:|--:|--:|--:|")
		base := 0.0
		for i := range c.Series {
			s := &c.Series[i]
			if s.Task != task || len(s.Seconds) == 0 {
				continue
			}
			median := bench.Quantile(s.Seconds, 0.5)
			if base == 0 {
				base = median
			}
			line("| %s | %s | %.4g | %.4g to %.4g | %.2f | %.1f | %.1f %% |", s.Name, s.Version, median,
				slices.Min(s.Seconds),
				slices.Max(s.Seconds), median/base, work/median, 100*s.share(work))
		}
	}
	for _, a := range c.Absent {
		line("\n%s did not take part: %s", a.Name, a.Reason)
	}
}

func (c *Contest) work(task string) float64 {
	if task == step {
		return c.StepWork
	}
	return c.Forward
}

// peak is the median over the rounds of all contenders.
func (f *Findings) peak() float64 {
	var all []float64
	for _, c := range f.Contests {
		for i := range c.Series {
			all = append(all, c.Series[i].NearbyPeak...)
		}
	}
	return bench.Quantile(all, 0.5)
}

// share is the median over the rounds of the share of the nearby peak.
func (s *Series) share(work float64) float64 {
	var shares []float64
	for i, seconds := range s.Seconds {
		shares = append(shares, work/seconds/s.NearbyPeak[i])
	}
	return bench.Quantile(shares, 0.5)
}
