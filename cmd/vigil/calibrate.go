package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/config"
	"vigil/pipeline/calibrate"
)

const measureHelp = "what raises an alarm: motion, appearance (also of what stands still) or both; by default " +
	"both where the weights have both"

func calibrateCommand() *cobra.Command {
	var r recordings
	var o offline.CalibrateOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "calibrate SOURCE... -m MODEL --camera NAME -o FILE",
		Short: "Calibrate a camera's threshold on normal video",
		Long:  help("calibrate") + "\n\n" + sourceHelp,
		Example: "  vigil calibrate normal-*.mkv -m weights/fast.safetensors --camera gate -o gate.json\n" +
			"  vigil calibrate gate --for 5h -c vigil.yaml --alarms 2/week -o gate.json\n" +
			"  vigil calibrate - --for 5h -m weights/fast.safetensors --camera gate -o gate.json < address.txt",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.open(cmd, args); err != nil {
				return err
			}
			o.Quantile = cmd.Flags().Changed("theta-quantile") || cmd.Flags().Changed("margin")
			if err := o.Check(r.Recordings); err != nil {
				return err
			}
			cal, err := r.Calibrate(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			if err := cal.Write(o.Out); err != nil {
				return fmt.Errorf("%w; the result was lo %g, theta %g", err, cal.Lo, cal.Theta)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), cal)
			}
			cal.Print(cmd.OutOrStdout(), o.Out)
			return nil
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.Out, "out", "o", "", "`file` to write")
	f.Float64Var(&o.Lo, "lo-quantile", calibrate.DefaultLoQuantile,
		"the quantile of normal errors at which regularity is 1")
	optional(f, &o.Alarms, "alarms", f.String("alarms", config.Default().Defaults.Alarms.String(),
		"how many false alarms are allowed: a `number` for each hour, day or week, such as 2/week"))
	f.Float64Var(&o.Theta, "theta-quantile", calibrate.DefaultThetaQuantile,
		"if this is given, instead of --alarms: the quantile of normal errors that the threshold lies at or above")
	f.Float64Var(&o.Margin, "margin", calibrate.DefaultMargin,
		"how far above that quantile, as a share of its distance from lo")
	f.StringVar(&o.Measure, "measure", "", measureHelp)
	f.BoolVar(&asJSON, "json", false, "print the record as JSON")
	f.DurationVar(&o.LiveFor, "for", 0, "how long to watch a live camera")
	return cmd
}
