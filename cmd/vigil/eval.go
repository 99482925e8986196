package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/eval"
)

func evalCommand() *cobra.Command {
	var r recordings
	var o offline.EvaluateOptions
	var list, asJSON bool
	cmd := &cobra.Command{
		Use:   "eval DATASET -m MODEL",
		Short: "Measure how well a model detects the anomalies of a labelled data set",
		Long:  help("eval"),
		Example: "  vigil eval ped2 -m weights/ped2-small.safetensors --report report\n" +
			"  vigil eval --scores theirs/ --labels ped2/labels\n" +
			"  vigil eval --list",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return eval.PrintFormats(cmd.OutOrStdout())
			}
			if len(args) == 1 {
				o.Root = args[0]
			}
			if err := o.Check(r.Model); err != nil {
				return err
			}
			if o.Scores == "" {
				if err := r.open(cmd, nil); err != nil {
					return err
				}
			}
			result, err := o.Run(cmd.Context(), r.Recordings, cmd.ErrOrStderr())
			if err == nil {
				err = show(cmd.OutOrStdout(), asJSON, result)
			}
			if err == nil && o.Report != "" && !asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "report: %s\n", eval.ReportPath(o.Report))
			}
			return interrupted(cmd.Context(), err)
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "list the known data sets, their sources and the layout of their folders")
	f.StringVar(&o.Format, "format", "",
		"the `format` of the folder, instead of detecting it from its layout; --list names the formats")
	f.StringArrayVar(&o.Normal, "calibrate", nil,
		"normal `video` to calibrate the threshold on, instead of the data set's; may be repeated")
	f.StringVar(&o.Calibration, "calibration", "",
		"calibration `file` that 'vigil calibrate' wrote, instead of normal video")
	f.StringVar(&o.Measure, "measure", "", measureHelp)
	f.StringVar(&o.Report, "report", "", "write a page with pictures, and the scores, into this `folder`")
	f.StringVar(&o.Scores, "scores", "",
		"measure external scores: a `path` of CSV files video,frame,error,regularity,... or, named as their "+
			"videos, frame,score")
	f.StringVar(&o.Labels, "labels", "",
		"`folder` of CSV files frame,label, named as their videos, for --scores without a data set")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the resampling")
	f.IntVar(&o.Resamplings, "resamplings", eval.DefaultResamplings,
		"how many times the videos are resampled for the intervals")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
