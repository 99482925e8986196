package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/config"
	"vigil/internal/output"
	"vigil/pipeline/calibrate"
)

type calibrateRun struct {
	recordings
	options     offline.CalibrateOptions
	out, alarms string
	json        bool
}

func calibrateCommand() *cobra.Command {
	var c calibrateRun
	cmd := &cobra.Command{
		Use:   "calibrate SOURCE... -m MODEL --camera NAME -o FILE",
		Short: "Learn a camera's thresholds from normal video",
		Long: "Scores video in which nothing unusual happens and writes the calibration record of one camera: lo, " +
			"the low end of its\n" +
			"normal errors, and theta, the threshold. Use video that the model was not trained on: its errors on its " +
			"training video\n" +
			"are too low. A live camera is watched for the time that --for gives.\n\n" +
			"Theta is such that as many false alarms are to be expected as --alarms allows. Alarms are counted as " +
			"the detector raises them,\n" +
			"by its durations in the configuration. Video of a tenth of the time in which one alarm is allowed is " +
			"enough (1/day: 2.4 hours); with\n" +
			"less the threshold is provisional. With fewer than 20 separate events each clip counts as one, and " +
			"theta may be too high or too\n" +
			"low; with fewer than 200 clips it is a quantile of the errors, which keeps to no number of alarms.\n\n" +
			sourceHelp,
		Example: "  vigil calibrate normal-*.mkv -m weights/fast.safetensors --camera gate -o gate.json\n" +
			"  vigil calibrate gate --for 5h -c vigil.yaml --alarms 2/week -o gate.json\n" +
			"  vigil calibrate - --for 5h -m weights/fast.safetensors --camera gate -o gate.json < address.txt",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.prepare(cmd, args); err != nil {
				return usageError{err}
			}
			if err := writable(c.out); err != nil {
				return err
			}
			cal, err := c.Calibrate(cmd.Context(), c.options, cmd.ErrOrStderr())
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			if err := cal.Write(c.out); err != nil {
				return fmt.Errorf("%w; it would have said lo %g, theta %g", err, cal.Lo, cal.Theta)
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), cal)
			}
			cal.Print(cmd.OutOrStdout(), c.out)
			return nil
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&c.out, "out", "o", "", "`file` to write")
	f.Float64Var(&c.options.Lo, "lo-quantile", calibrate.DefaultLoQuantile,
		"the quantile of normal errors at which regularity is 1")
	f.StringVar(&c.alarms, "alarms", config.Default().Defaults.Alarms.String(),
		"how many false alarms are allowed: a `number` for each hour, day or week, as 2/week")
	f.Float64Var(&c.options.Theta, "theta-quantile", calibrate.DefaultThetaQuantile,
		"where there is too little video for --alarms, or if this is given: the quantile of normal errors that the "+
			"threshold lies at or above")
	f.Float64Var(&c.options.Margin, "margin", calibrate.DefaultMargin,
		"how far above that quantile, as a share of its distance from lo")
	f.BoolVar(&c.json, "json", false, "print the record as JSON")
	f.DurationVar(&c.options.LiveFor, "for", 0, "how long to watch a live camera")
	return cmd
}

func (c *calibrateRun) prepare(cmd *cobra.Command, args []string) error {
	if err := c.open(cmd, args); err != nil {
		return err
	}
	flags := cmd.Flags()
	c.options.Quantile = flags.Changed("theta-quantile") || flags.Changed("margin")
	if flags.Changed("alarms") {
		if c.options.Quantile {
			return errors.New(
				"--alarms and --theta-quantile or --margin: give one of them, each says where the threshold is")
		}
		if err := c.Settings.Alarms.UnmarshalText([]byte(c.alarms)); err != nil {
			return fmt.Errorf("--alarms: is %q, %w", c.alarms, err)
		}
	}
	if c.out == "" && c.Settings.Name != "" { // a camera that is missing is reported first
		return errors.New("-o: where shall the record be written?")
	}
	return c.options.Check(c.Recordings)
}

// writable tells before the work whether its result can be written.
func writable(path string) error {
	if err := output.Check(path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
