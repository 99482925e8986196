package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/bench"
	"vigil/bench/cameras"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/output"
	"vigil/model"
	"vigil/model/kernel"
	"vigil/pipeline"
)

// benchFlags are those of `vigil bench`.
type benchFlags struct {
	presets []string
	isa     string
	plot    string
	threads int
	rounds  int
	seed    uint64
	noSteps bool
	json    bool
	cameras bool
	seconds time.Duration
}

func benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine scores and learns, against its own peak",
		Long: "Measures, in turns, the most products a second that all threads reach at the same time (the peak), " +
			"and scoring and training\n" +
			"of each preset with random weights. Floating-point operations are counted with real elements only, no " +
			"padding. Times are\n" +
			"medians over the rounds. 'a clip, all of it' is from the clip in memory to its error and the map of " +
			"errors.",
		Example: "  vigil bench\n  vigil bench --preset paper --isa avx2 --json\n  vigil bench --plot roofline.png\n " +
			" vigil bench --cameras --preset small,fast",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return usageError{err}
			}
			o.Progress = func(what string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", what) }
			if f.cameras {
				return interrupted(cmd.Context(), f.runCameras(cmd, o))
			}
			return interrupted(cmd.Context(), f.run(cmd, o))
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.presets, "preset", bench.DefaultPresets, "the networks to measure, separated by commas")
	flags.StringVar(&f.isa, "isa", "",
		"the instruction `set` to compute with: go, avx2 or avx512 (default: the best that is here)")
	flags.IntVar(&f.threads, "threads", 0, "how many threads compute (default: one for each core)")
	flags.IntVar(&f.rounds, "rounds", bench.DefaultRounds,
		"how often each measurement is taken; a slow one is stopped after some seconds and three")
	flags.Uint64Var(&f.seed, "seed", 7, "of weights and clips")
	flags.BoolVar(&f.noSteps, "no-steps", false, "measure scoring only, no training")
	flags.StringVar(&f.plot, "plot", "", "draw a roofline of the layers into this PNG `file`")
	flags.BoolVar(&f.cameras, "cameras", false,
		"find out how many cameras of 640x360 and 1920x1080, at 10 and 25 frames a second, this machine watches")
	flags.DurationVar(&f.seconds, "seconds", 10*time.Second,
		"with --cameras: for how long each number of cameras is watched")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// mostThreads is more than machines have.
const mostThreads = 4096

func (f *benchFlags) options() (bench.Options, error) {
	o := bench.Options{
		Presets: f.presets, Threads: f.threads, Rounds: f.rounds, Seed: f.seed, NoSteps: f.noSteps,
		Set: kernel.BestSet(),
	}
	if len(f.presets) == 0 {
		return o, errors.New("--preset: name at least one")
	}
	for _, name := range f.presets {
		if _, err := model.FindPreset(name); err != nil {
			return o, fmt.Errorf("--preset: %w", err)
		}
	}
	if f.isa != "" {
		set, err := kernel.FindSet(f.isa)
		if err != nil {
			return o, fmt.Errorf("--isa: %w", err)
		}
		o.Set = set
	}
	if f.threads < 0 || f.threads > mostThreads {
		return o, fmt.Errorf("--threads: is %d, must be from 1 to %d, or 0 for one for each core", f.threads,
			mostThreads)
	}
	if f.rounds < 1 || f.rounds > 1e6 {
		return o, fmt.Errorf("--rounds: is %d, must be from 1 to 1000000", f.rounds)
	}
	if f.plot != "" {
		// A path that cannot be written shows now and not after a minute.
		if err := output.Check(f.plot); err != nil {
			return o, fmt.Errorf("--plot: %w", err)
		}
	}
	return o, nil
}

func (f *benchFlags) runCameras(cmd *cobra.Command, o bench.Options) error {
	d := config.Default().Defaults
	loads, err := cameras.Measure(cmd.Context(), cameras.Options{
		Presets: o.Presets, Seconds: f.seconds, Seed: o.Seed, Progress: o.Progress,
		Hop: d.Hop, Keep: d.Footage.Keep, Memory: d.Footage.Memory << 20,
		RetryMin: d.Reconnect.Min, RetryMax: d.Reconnect.Max,
		Open: func(name string, address source.Address, side int, media *pipeline.MediaBuffer) func(context.Context,
			pipeline.OpenRequest) (pipeline.PictureSource, error) {
			return app.OpenWorker(config.Camera{Name: name, Source: address, Settings: d}, side, media)
		},
	})
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), loads)
	}
	return cameras.Print(cmd.OutOrStdout(), loads)
}

func (f *benchFlags) run(cmd *cobra.Command, o bench.Options) error {
	r, err := bench.Run(cmd.Context(), o)
	if err != nil {
		return err
	}
	if f.plot != "" {
		picture, err := r.Roofline()
		if err != nil {
			return fmt.Errorf("drawing the roofline: %w", err)
		}
		if err := output.Write(f.plot, picture, 0o644); err != nil {
			return err
		}
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), r)
	}
	return r.Print(cmd.OutOrStdout())
}
