package main

import (
	"errors"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/config"
)

func detectCommand() *cobra.Command {
	var o offline.DetectOptions
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "detect SCORES",
		Short: "Run the detector over scores, with other settings or another threshold",
		Long:  help("detect"),
		Example: "  vigil detect scores.csv --fps 10 --lo 0.007 --theta 0.077 --open-after 1s\n" +
			"  vigil detect scores.csv --fps 25 -c vigil.yaml --camera gate -o events.csv\n" +
			"  vigil detect held.txt",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := offline.Detect(args[0], cmd.InOrStdin(), o)
			if result == nil {
				return err
			}
			if out != "" {
				err = errors.Join(err, result.Write(out))
			}
			return errors.Join(show(cmd.OutOrStdout(), asJSON, result), err)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&o.FPS, "fps", 0, "frames a second of the video whose frames a CSV file numbers")
	f.StringVarP(&o.ConfigFile, "config", "c", "", "configuration `file` that has the camera's detector and threshold")
	f.StringVar(&o.Camera, "camera", "", "`name` of the camera in the configuration")
	completeConfigured(cmd, &o.ConfigFile)
	f.StringVar(&o.Calibration, "calibration", "", "calibration `file` that 'vigil calibrate' wrote")
	optional(f, &o.Lo, "lo", f.Float64("lo", 0, "the low end of normal errors, with --theta"))
	optional(f, &o.Theta, "theta", f.Float64("theta", 0, "the threshold of errors, with --lo"))
	d := config.Default().Defaults.Detector
	optional(f, &o.Enter, "enter", f.Float64("enter", d.Enter, "regularity below which an event may start"))
	optional(f, &o.Leave, "leave", f.Float64("leave", d.Leave, "regularity above which it may end"))
	optional(f, &o.OpenAfter, "open-after", f.Duration("open-after", d.OpenAfter,
		"how long regularity stays below --enter before an event opens"))
	optional(f, &o.OpenAtOnce, "open-at-once", f.Float64("open-at-once", d.OpenAtOnce,
		"how many times as high two clips open an event at once; 0 for never"))
	optional(f, &o.CloseAfter, "close-after", f.Duration("close-after", d.CloseAfter,
		"how long it stays above --leave before the event ends"))
	optional(f, &o.MinDuration, "min-duration", f.Duration("min-duration", d.MinDuration,
		"how long an event lasts at least"))
	optional(f, &o.CoolDown, "cool-down", f.Duration("cool-down", d.CoolDown,
		"how long after an event no other one opens"))
	f.StringVarP(&out, "out", "o", "", "CSV `file` to write the events to")
	f.BoolVar(&asJSON, "json", false, "print the events as JSON")
	return cmd
}
