package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/eval"
)

type evaluation struct {
	recordings
	format, report, scores, labels, calibration string
	normal                                      []string // videos to calibrate on in place of the data set's
	list, json                                  bool
	seed                                        uint64
	resamplings                                 int

	root           string
	stdout, stderr io.Writer
}

func evalCommand() *cobra.Command {
	var e evaluation
	cmd := &cobra.Command{
		Use:   "eval DATASET -m MODEL",
		Short: "Measure how well a model finds what a labelled data set calls abnormal",
		Long: "Scores the test videos of a data set and measures the scores by two protocols, side by side and never " +
			"mixed.\n\n" +
			"paper: a clip at every frame; the one that starts at frame s scores frame s + 8; the first 8 and the " +
			"last 7 frames of a\n" +
			"video do not count; each video's errors are scaled by its own minimum and maximum.\n" +
			"raw:   the same frames, errors as they are.\n" +
			"live:  a clip every --hop frames, judged by what normal video says (the data set's own, or --calibrate " +
			"or --calibration),\n" +
			"with no look at the test video as a whole. Every frame counts: a score stands from its clip's start + 8 " +
			"until the\n" +
			"next, and the first one also for the 8 frames before.\n" +
			"no delay: as live, but a score stands from the end of its clip, as an alert has it; frames before the " +
			"first score count\n" +
			"as normal.\n\n" +
			"Intervals are 95 %, from resampling whole videos.",
		Example: "  vigil eval ped2 -m weights/ped2-small.safetensors --report report\n" +
			"  vigil eval --scores theirs/ --labels ped2/labels\n" +
			"  vigil eval --list",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.stdout, e.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if e.list {
				return eval.PrintFormats(e.stdout)
			}
			if err := e.prepare(cmd, args); err != nil {
				return usageError{err}
			}
			return interrupted(cmd.Context(), e.run(cmd))
		},
	}
	e.flags(cmd)
	f := cmd.Flags()
	f.BoolVar(&e.list, "list", false, "say which data sets are known, where each is had and how its folder must look")
	f.StringVar(&e.format, "format", "",
		"take the folder for this `format` instead of looking at its layout; --list names them")
	f.StringArrayVar(&e.normal, "calibrate", nil,
		"normal `video` to take the threshold from, instead of the data set's; may be repeated")
	f.StringVar(&e.calibration, "calibration", "",
		"calibration `file` that 'vigil calibrate' wrote, instead of normal video")
	f.StringVar(&e.report, "report", "", "write a page with pictures, and the scores, into this `folder`")
	f.StringVar(&e.scores, "scores", "",
		"measure somebody else's scores: a `path` of CSV files video,frame,error,regularity or, named as their "+
			"videos, frame,score")
	f.StringVar(&e.labels, "labels", "",
		"`folder` of CSV files frame,label, named as their videos, for --scores without a data set")
	f.Uint64Var(&e.seed, "seed", 1, "of the resampling")
	f.IntVar(&e.resamplings, "resamplings", eval.DefaultResamplings,
		"how often the videos are resampled for the intervals")
	f.BoolVar(&e.json, "json", false, "print everything as JSON")
	return cmd
}

func (e *evaluation) prepare(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		e.root = args[0]
	}
	if e.resamplings < 0 || e.resamplings > 1e6 {
		return fmt.Errorf("--resamplings: is %d, must be from 0 to 1000000", e.resamplings)
	}
	if e.calibration != "" && e.normal != nil {
		return errors.New("--calibration and --calibrate: give one of them, each says what the threshold is")
	}
	if e.scores != "" {
		switch {
		case e.root == "" && e.labels == "":
			return errors.New(
				"--labels: where is the truth for these scores? Give a folder of frame,label files, or a data set")
		case e.root != "" && e.labels != "":
			return errors.New("--labels: the data set has labels already; give one of them")
		case e.Model != "" || e.normal != nil:
			return errors.New("-m and --calibrate: scores are given, so there is nothing for a model to score")
		}
		return nil
	}
	switch {
	case e.root == "":
		return errors.New("which data set shall be scored? 'vigil eval --list' says which are known")
	case e.labels != "":
		return errors.New("--labels: goes with --scores; a data set has its own labels")
	}
	if err := e.open(cmd, nil); err != nil {
		return err
	}
	if e.calibration != "" {
		e.Settings.Calibration, e.Settings.Threshold = e.calibration, nil
	} else if e.normal != nil {
		e.Settings.Calibration, e.Settings.Threshold = "", nil
	}
	return nil
}

func (e *evaluation) run(cmd *cobra.Command) error {
	var result *eval.Result
	var scorer eval.Scorer
	var err error
	o := eval.Options{Seed: e.seed, Resamplings: e.resamplings}
	if e.scores != "" {
		result, scorer.Recordings, err = eval.EvaluateScores(cmd.Context(), e.scores,
			eval.Truth{Labels: e.labels, Root: e.root, Format: e.format}, e.calibration, &o)
	} else {
		result, err = e.Evaluate(cmd.Context(), offline.EvaluateOptions{
			Root: e.root, Format: e.format, Normal: e.normal,
		}, &o, &scorer, e.stderr)
	}
	if err != nil {
		return err
	}
	if e.report != "" {
		if err := eval.WriteReport(cmd.Context(), e.report, result, &scorer, o); err != nil {
			return err
		}
	}
	if e.json {
		return printJSON(e.stdout, result)
	}
	if err := result.Print(e.stdout); err != nil {
		return err
	}
	if e.report != "" {
		fmt.Fprintf(e.stdout, "report: %s\n", eval.ReportPath(e.report))
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
