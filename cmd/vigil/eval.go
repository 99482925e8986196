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
		Short: "Measure how well a model finds what a labelled data set calls abnormal",
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
	f.BoolVar(&list, "list", false, "say which data sets are known, where each is had and how its folder must look")
	f.StringVar(&o.Format, "format", "",
		"take the folder for this `format` instead of looking at its layout; --list names them")
	f.StringArrayVar(&o.Normal, "calibrate", nil,
		"normal `video` to take the threshold from, instead of the data set's; may be repeated")
	f.StringVar(&o.Calibration, "calibration", "",
		"calibration `file` that 'vigil calibrate' wrote, instead of normal video")
	f.StringVar(&o.Report, "report", "", "write a page with pictures, and the scores, into this `folder`")
	f.StringVar(&o.Scores, "scores", "",
		"measure somebody else's scores: a `path` of CSV files video,frame,error,regularity or, named as their "+
			"videos, frame,score")
	f.StringVar(&o.Labels, "labels", "",
		"`folder` of CSV files frame,label, named as their videos, for --scores without a data set")
	f.Uint64Var(&o.Seed, "seed", 1, "of the resampling")
	f.IntVar(&o.Resamplings, "resamplings", eval.DefaultResamplings,
		"how often the videos are resampled for the intervals")
	f.BoolVar(&asJSON, "json", false, "print everything as JSON")
	return cmd
}
