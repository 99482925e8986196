package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/app/offline"
	"vigil/bench"
)

func benchCommand() *cobra.Command {
	var o bench.Options
	var cameras, asJSON bool
	var seconds time.Duration
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine scores and trains, compared with its own peak",
		Long:  help("bench"),
		Example: "  vigil bench\n  vigil bench --preset paper --isa avx2 --json\n  vigil bench --plot roofline.png\n " +
			" vigil bench --cameras --preset small,fast",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return app.Usage(err)
			}
			o.Progress = func(what string) { fmt.Fprintf(cmd.ErrOrStderr(), "bench: %s\n", what) }
			var result printer
			var err error
			if cameras {
				result, err = offline.MeasureCameras(cmd.Context(), o, seconds)
			} else {
				result, err = bench.Run(cmd.Context(), o)
			}
			if err == nil {
				err = show(cmd.OutOrStdout(), asJSON, result)
			}
			return interrupted(cmd.Context(), err)
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&o.Presets, "preset", bench.DefaultPresets, "the networks to measure, separated by commas")
	flags.StringVar(&o.ISA, "isa", "",
		"the instruction `set` to compute with: go, avx2 or avx512 (default: the best available)")
	flags.IntVar(&o.Threads, "threads", 0, "number of threads (default: one for each core)")
	flags.IntVar(&o.Rounds, "rounds", bench.DefaultRounds,
		"number of rounds of each measurement; a slow one stops after a few seconds and three rounds")
	flags.Uint64Var(&o.Seed, "seed", 7, "seed of weights and clips")
	flags.BoolVar(&o.NoSteps, "no-steps", false, "measure scoring only, no training")
	flags.StringVar(&o.Plot, "plot", "", "draw a roofline of the layers into this PNG `file`")
	flags.BoolVar(&cameras, "cameras", false,
		"measure how many cameras of 640x360 and 1920x1080, at 10 and 25 frames a second, this machine can monitor")
	flags.DurationVar(&seconds, "seconds", 10*time.Second,
		"with --cameras: how long each number of cameras is measured")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
