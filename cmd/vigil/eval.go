package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/capture/source"
	"vigil/config"
	"vigil/eval"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
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
		case e.model != "" || e.normal != nil:
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
	if err := e.resolve(cmd, nil); err != nil {
		return err
	}
	if e.calibration != "" {
		e.settings.Calibration, e.settings.Threshold = e.calibration, nil
	} else if e.normal != nil {
		e.settings.Calibration, e.settings.Threshold = "", nil
	}
	return nil
}

func (e *evaluation) run(cmd *cobra.Command) error {
	var result *eval.Result
	var scorer eval.Scorer
	var err error
	o := eval.Options{Seed: e.seed, Resamplings: e.resamplings}
	if e.scores != "" {
		result, scorer.Recordings, err = e.measureGiven(cmd.Context(), &o)
	} else {
		result, err = e.measure(cmd, &o, &scorer)
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

// measureGiven measures scores that were made elsewhere.
func (e *evaluation) measureGiven(ctx context.Context, o *eval.Options) (*eval.Result, []eval.Recording, error) {
	return eval.EvaluateScores(ctx, e.scores, eval.Truth{Labels: e.labels, Root: e.root, Format: e.format},
		e.calibration, o)
}

// measure scores the data set and measures that.
func (e *evaluation) measure(cmd *cobra.Command, o *eval.Options, scorer *eval.Scorer) (*eval.Result, error) {
	loaded := app.Models{}
	m, err := loaded.Load(e.settings.Model)
	if err != nil {
		return nil, err
	}
	data, err := eval.Open(cmd.Context(), e.root, e.format)
	if err != nil {
		return nil, err
	}
	var src string
	if o.Thresholds, src, err = e.thresholds(cmd, data, m.Hash()); err != nil {
		return nil, err
	}
	scorer.Threads = e.threads
	r := e.recordings
	r.settings.Calibration, r.settings.Threshold, r.settings.Hop = "", nil, 1
	var sources []source.Address
	for _, v := range data.Test {
		src, err := source.ParseAddress(v.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Path, err)
		}
		sources = append(sources, src)
	}
	r.take(sources)
	if err := r.batch(loaded).ScoreDataset(cmd.Context(), data, o.Thresholds, scorer, e.stderr); err != nil {
		return nil, err
	}
	o.Hop, o.Detector = e.settings.Hop, detectorOf(e.settings)
	return scorer.Evaluate(data, m, src, *o)
}

// thresholds are what the live protocol judges errors by, for each camera of the data set, and where they are from; nil
// where there is no normal video.
func (e *evaluation) thresholds(cmd *cobra.Command, data *eval.Dataset, modelHash string) (eval.Thresholds,
	string, error,
) {
	if path := e.settings.Calibration; path != "" {
		cal, err := calibrate.Read(path)
		if err != nil {
			return nil, "", err
		}
		want := calibrate.Key{
			Camera: cal.Key.Camera, Model: modelHash, Mask: calibrate.MaskHash(e.settings.Mask),
			Hop: e.settings.Hop,
		}
		if !cmd.Flags().Changed("hop") && e.configFile == "" {
			e.settings.Hop, want.Hop = cal.Key.Hop, cal.Key.Hop
		}
		if err := cal.CheckSettings(want); err != nil {
			return nil, "", usageError{fmt.Errorf("%s: %w", path, err)}
		}
		return data.SameThreshold(pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}),
			"threshold from " + path, nil
	}
	if t := e.settings.Threshold; t != nil {
		return data.SameThreshold(pipeline.Threshold{Lo: t.Lo, Theta: t.Theta}), "threshold from " + e.configFile, nil
	}
	fit := func(camera string, paths []string) (pipeline.Threshold, error) {
		return e.calibrateOn(cmd, camera, paths)
	}
	if e.normal != nil {
		t, err := fit("eval", e.normal)
		if err != nil {
			return nil, "", err
		}
		return data.SameThreshold(t), fmt.Sprintf("threshold from %d normal videos that were given", len(e.normal)), nil
	}
	return data.FitThresholds(fit)
}

// calibrateOn takes lo and theta from normal video at the live hop, as 'vigil calibrate' does.
func (e *evaluation) calibrateOn(cmd *cobra.Command, camera string, paths []string) (pipeline.Threshold, error) {
	c := calibrateRun{
		recordings: e.recordings, lo: calibrate.DefaultLoQuantile, theta: calibrate.DefaultThetaQuantile,
		margin: calibrate.DefaultMargin,
	}
	c.settings.Name = camera
	var sources []source.Address
	for _, p := range paths {
		src, err := source.ParseAddress(p)
		if err == nil && src.Live() {
			err = errors.New("is a live camera, want a recording")
		}
		if err != nil {
			return pipeline.Threshold{}, usageError{fmt.Errorf("--calibrate: %s: %w", p, err)}
		}
		sources = append(sources, src)
	}
	c.take(sources)
	cal, err := c.run(cmd)
	return pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}, err
}

func detectorOf(s config.Camera) detect.Config {
	return detect.Config{
		Enter: s.Detector.Enter, Leave: s.Detector.Leave, OpenAfter: s.Detector.OpenAfter,
		CloseAfter: s.Detector.CloseAfter, MinDuration: s.Detector.MinDuration, CoolDown: s.Detector.CoolDown,
		UpdateEvery: s.Detector.UpdateEvery,
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
