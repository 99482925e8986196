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
func (f *Comparison) page(plots string, o options) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	m, r := f.Machine, f.Alone
	line("# Benchmarks\n")
	line("Written by `make bench`; all figures and samples are in `%s`.\n", o.samples)
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
		line("\n**The machine was not idle**: the peak's median is %.0f %% below its best. Programs that wait for all "+
			"threads in a tight loop, such as those with", 100*(1-r.Peak/r.PeakBest))
		line("OpenMP, are slowed down more than others, so neither times nor ratios are those of an idle machine.")
	}
	line("\n## Comparison\n")
	line("%s\n", strings.Join([]string{
		"All contenders have the same weights, the same clip and the same number of threads, and compute in single " +
			"precision. They run in turns,",
		"and the order rotates from round to round. Forward is a clip of 16 frames to its error map; a step is " +
			"forward, backward and Adam",
		"on one clip. PyTorch (no_grad and eval for forward) runs with Debian's defaults, and again with the " +
			"system's allocator configured to keep freed",
		"memory (MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ at very large values), which is unusual; " +
			"ONNX Runtime runs the network exported by PyTorch,",
		"with all optimisations; oneDNN computes only the convolutions, each in its preferred layout, without the " +
			"memory and the error, and",
		"the transposed ones without bias and LeakyReLU. The errors of the clip by PyTorch and ONNX Runtime are " +
			"compared with vigil's before the measurement.",
	}, "\n"))
	line("Seconds are per clip. Share is the median share of the peak measured right before and after each round. " +
		"Ratio is the median relative to vigil's.\n")
	line("![GFLOP/s of all contenders](%s/%s)", plots, chartFile)
	for _, c := range f.Contests {
		c.table(line)
	}
	line("\n## vigil alone\n")
	line("`best of best` is the best round relative to the best peak of the run.\n")
	line("![Roofline of the layers](%s/%s)\n", plots, rooflineFile)
	line("```")
	if err := r.Print(&b); err != nil {
		return nil, err
	}
	line("```")
	if cameras, err := os.ReadFile(filepath.Join(filepath.Dir(o.samples), camerasFile)); err == nil {
		line("\n## Cameras\n\nThe number of cameras that one process watches, H.264 over HTTP in real time, " +
			"before a clip is skipped; and the shares of the work for one.\n")
		line("%s", cameras)
	}
	line("\n## Reproduction\n")
	line("    make bench                      # this page; programs that are not installed are left out")
	line("    bin/vigil bench --cameras >bench/cameras.md")
	line("    bin/vigil bench                 # vigil alone; --json, --isa, --threads, --preset, --plot")
	line("\nOn Debian 12: `apt-get install python3-torch python3-numpy nodejs npm g++ libdnnl-dev`. npm fetches " +
		"onnxruntime-node. Nothing")
	line("else should run on the machine.")
	return b.Bytes(), nil
}

// table writes the results of one preset.
func (c *Contest) table(line func(format string, args ...any)) {
	for _, task := range []string{forward, step} {
		gflop, what := c.gflop(task), map[string]string{
			forward: "a clip forward",
			step:    "a training step, batch 1",
		}[task]
		line("\n### %s: %s (%.4g GFLOP)\n", c.Preset, what, gflop)
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
				slices.Max(s.Seconds), median/base, gflop/median, 100*s.share(gflop))
		}
	}
	for _, a := range c.Absent {
		line("\n%s did not take part: %s", a.Name, a.Reason)
	}
}

func (c *Contest) gflop(task string) float64 {
	if task == step {
		return c.StepGFLOP
	}
	return c.ForwardGFLOP
}

// peak is the median over the rounds of all contenders.
func (f *Comparison) peak() float64 {
	var all []float64
	for _, c := range f.Contests {
		for i := range c.Series {
			all = append(all, c.Series[i].NearbyPeak...)
		}
	}
	return bench.Quantile(all, 0.5)
}

// share is the median over the rounds of the share of the nearby peak.
func (s *Series) share(gflop float64) float64 {
	var shares []float64
	for i, seconds := range s.Seconds {
		shares = append(shares, gflop/seconds/s.NearbyPeak[i])
	}
	return bench.Quantile(shares, 0.5)
}
