// Command compare benchmarks vigil against PyTorch, ONNX Runtime and oneDNN in one run: the same weights, the same
// clip, the same number of threads, in alternating rounds. It then measures vigil alone, and writes BENCHMARKS.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"vigil/bench"
	"vigil/model"
	"vigil/model/kernel"
)

// options are the command line's.
type options struct {
	out, plots, samples string // the page, the folder of its pictures and the file of all figures
	build               string // where the peers are built
	from                string // a file of figures to write the page of, instead of measuring
	presets             []string
	alone               []string // presets on which vigil is measured alone
	rounds              int
	threads             int
	seed                uint64
}

// Comparison is the result of a run.
type Comparison struct {
	Machine  Machine       `json:"machine"`
	Contests []*Contest    `json:"contests"`
	Alone    *bench.Result `json:"alone"`
}

func main() {
	o, err := parseFlags(os.Args[1:])
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, o, os.Stderr)
		stop()
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.StringVar(&o.out, "out", "BENCHMARKS.md", "the page to write")
	f.StringVar(&o.plots, "plots", "bench/plots", "the folder of its pictures")
	f.StringVar(&o.samples, "samples", "bench/results.json", "the file of all figures")
	f.StringVar(&o.build, "build", "bin/bench", "where the peers are built")
	f.StringVar(&o.from, "from", "", "write the page from such a file instead of measuring")
	presets := f.String("presets", "paper,small", "networks for the comparison")
	alone := f.String("alone", strings.Join(bench.DefaultPresets, ","), "networks on which vigil is measured alone")
	f.IntVar(&o.rounds, "rounds", 7, "rounds per task")
	f.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of each contender")
	f.Uint64Var(&o.seed, "seed", 7, "seed of weights and clips")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.presets, o.alone = strings.Split(*presets, ","), strings.Split(*alone, ",")
	for _, name := range append(o.presets, o.alone...) {
		if _, err := model.FindPreset(name); err != nil {
			return o, err
		}
	}
	if o.rounds < 1 || o.threads < 1 {
		return o, fmt.Errorf("-rounds %d, -threads %d: both must be at least 1", o.rounds, o.threads)
	}
	return o, kernel.CheckEnvISA()
}

func run(ctx context.Context, o options, log io.Writer) error {
	if o.from != "" {
		found, err := readComparison(o.from)
		if err != nil {
			return err
		}
		return writeAll(o, found)
	}
	found := Comparison{Machine: describeMachine(ctx)}
	t, err := findTools(ctx, o.build, log)
	if err != nil {
		return err
	}
	for title, why := range t.absent {
		fmt.Fprintf(log, "bench: %s is left out: %s\n", title, why)
	}
	yard := bench.NewPeakMeter(o.threads)
	for _, preset := range o.presets {
		c, err := contestOnPreset(ctx, t, o, preset, yard, log)
		if err != nil {
			return fmt.Errorf("preset %s: %w", preset, err)
		}
		found.Contests = append(found.Contests, c)
	}
	found.Alone, err = bench.Run(ctx, bench.Options{
		Presets: o.alone, Threads: o.threads, Rounds: o.rounds, Seed: o.seed,
		Progress: func(what string) { fmt.Fprintf(log, "bench: alone: %s\n", what) },
	})
	if err != nil {
		return err
	}
	return writeAll(o, &found)
}

// readComparison reads the findings of an earlier run.
func readComparison(path string) (*Comparison, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var found Comparison
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if found.Alone == nil || len(found.Alone.Presets) == 0 || len(found.Contests) == 0 {
		return nil, fmt.Errorf("%s: has no figures", path)
	}
	return &found, nil
}

func contestOnPreset(ctx context.Context, t *tools, o options, preset string, yard *bench.PeakMeter,
	log io.Writer,
) (c *Contest, err error) {
	dir, err := os.MkdirTemp("", "vigil-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, err := newInputs(dir, preset, o.threads, o.seed)
	if err != nil {
		return nil, err
	}
	return contest(ctx, t, in, o.rounds, yard, log)
}

// writeAll writes the page, its pictures and the file of all figures.
func writeAll(o options, found *Comparison) error {
	if err := os.MkdirAll(o.plots, 0o755); err != nil {
		return err
	}
	chart, err := found.chart()
	if err != nil {
		return fmt.Errorf("drawing the comparison: %w", err)
	}
	roofline, err := found.Alone.Roofline()
	if err != nil {
		return fmt.Errorf("drawing the roofline: %w", err)
	}
	figures, err := json.MarshalIndent(found, "", " ")
	if err != nil {
		return err
	}
	plots, err := filepath.Rel(filepath.Dir(o.out), o.plots)
	if err != nil {
		return err
	}
	page, err := found.page(filepath.ToSlash(plots), o)
	if err != nil {
		return err
	}
	return errors.Join(
		renameio.WriteFile(filepath.Join(o.plots, chartFile), chart, 0o644),
		renameio.WriteFile(filepath.Join(o.plots, rooflineFile), roofline, 0o644),
		renameio.WriteFile(o.samples, append(figures, '\n'), 0o644),
		renameio.WriteFile(o.out, page, 0o644),
	)
}
