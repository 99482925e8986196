package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"vigil/app"
	"vigil/capture/source"
	"vigil/eval"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// EvaluateOptions select what is measured, and where the report goes.
type EvaluateOptions struct {
	Root, Format string   // data set, as eval.Open takes it
	Scores       string   // file or folder of another program's scores, as eval.ReadScores reads it; "" to score Root
	Labels       string   // folder of labels for Scores, instead of Root
	Normal       []string // videos to calibrate on instead of the data set's
	Calibration  string   // calibration file instead of normal videos
	Measure      string   // of the threshold that is fitted to normal videos; as in CalibrateOptions
	Report       string   // folder; "" for none
	Seed         uint64   // of the resampling
	Resamplings  int
}

// Check checks the options; model is the weights file, "" if none is given. Its errors are about usage.
func (o *EvaluateOptions) Check(model string) error {
	if err := o.check(model); err != nil {
		return app.Usage(err)
	}
	return nil
}

func (o *EvaluateOptions) check(model string) error {
	if info, err := os.Stat(o.Report); err == nil && !info.IsDir() {
		return fmt.Errorf("--report: %s is a file; must be a folder, which is made if it is missing", o.Report)
	}
	switch {
	case o.Resamplings < 0 || o.Resamplings > 1e6:
		return fmt.Errorf("--resamplings: is %d, must be from 0 to 1000000", o.Resamplings)
	case o.Calibration != "" && o.Normal != nil:
		return errors.New("--calibration and --calibrate: give one of them, each sets the threshold")
	case o.Scores == "" && o.Root == "":
		return errors.New("no data set is given; 'vigil eval --list' lists those that are known")
	case !slices.Contains(measures, o.Measure):
		return fmt.Errorf("--measure: is %q, must be one of motion, appearance and both", o.Measure)
	case o.Scores == "" && o.Labels != "":
		return errors.New("--labels: goes with --scores; a data set has its own labels")
	case o.Scores == "":
		return nil
	case o.Root == "" && o.Labels == "":
		return errors.New(
			"--labels: is missing; must be a folder of frame,label files, or give a data set")
	case o.Root != "" && o.Labels != "":
		return errors.New("--labels: the data set has labels already; give one of them")
	case model != "" || o.Normal != nil:
		return errors.New("-m and --calibrate: cannot be used with --scores, which has scores already")
	}
	return nil
}

// Run scores the data set with the model of r's settings, or uses the given scores, for which r may be nil.
// It measures the scores and writes the report. Progress and warnings go to w.
func (o EvaluateOptions) Run(ctx context.Context, r *Recordings, w io.Writer) (*eval.Result, error) {
	measure := eval.Options{Seed: o.Seed, Resamplings: o.Resamplings}
	var result *eval.Result
	var scorer eval.Scorer
	var err error
	if o.Scores != "" {
		result, scorer.Recordings, err = eval.EvaluateScores(ctx, o.Scores,
			eval.Truth{Labels: o.Labels, Root: o.Root, Format: o.Format}, o.Calibration, &measure)
	} else {
		result, err = r.evaluate(ctx, o, &measure, &scorer, w)
	}
	if err == nil && o.Report != "" {
		err = eval.WriteReport(ctx, o.Report, result, &scorer, measure)
	}
	return result, err
}

// evaluate scores a data set with the model of the settings and measures the scores. The threshold is that of the
// options or the settings, or is fitted to normal video. It fills in the measurement's hop, detector and thresholds.
func (r *Recordings) evaluate(ctx context.Context, o EvaluateOptions, measure *eval.Options, scorer *eval.Scorer,
	w io.Writer,
) (*eval.Result, error) {
	if o.Calibration != "" || o.Normal != nil {
		r.Settings.Calibration, r.Settings.Threshold = o.Calibration, nil
	}
	loaded := app.Models{}
	m, err := loaded.Load(r.Settings.Model)
	if err != nil {
		return nil, err
	}
	data, err := eval.Open(ctx, o.Root, o.Format)
	if err != nil {
		return nil, err
	}
	var note string
	if measure.Thresholds, note, err = r.thresholds(ctx, data, m.Hash(), o, w); err != nil {
		return nil, err
	}
	scorer.Threads = r.Threads
	tests := *r
	for _, t := range measure.Thresholds { // all have the same rate
		rate := app.FrameRate(r.Settings.Settings, t.Calibration, m)
		tests.Settings.FPS = &rate
		break
	}
	tests.Settings.Calibration, tests.Settings.Threshold, tests.Settings.Hop = "", nil, 1
	var sources []source.Address
	for _, v := range data.Test {
		src, err := source.ParseAddress(v.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Path, err)
		}
		sources = append(sources, src)
	}
	tests.Take(sources)
	if err := tests.Batch(loaded).ScoreDataset(ctx, data, measure.Thresholds, scorer, w); err != nil {
		return nil, err
	}
	measure.Hop, measure.Detector = r.Settings.Hop, app.Detector(r.Settings)
	return scorer.Evaluate(data, m, note, *measure)
}

// thresholds returns the live protocol's threshold of each camera of the data set, and its origin; nil without
// normal video.
func (r *Recordings) thresholds(ctx context.Context, data *eval.Dataset, model string, o EvaluateOptions, w io.Writer) (
	eval.Thresholds, string, error,
) {
	if path := r.Settings.Calibration; path != "" {
		cal, err := calibrate.Read(path)
		if err != nil {
			return nil, "", err
		}
		want := calibrate.Key{
			Camera: cal.Key.Camera, Model: model, Mask: calibrate.MaskHash(r.Settings.Mask), Hop: r.Settings.Hop,
		}
		if !r.hopGiven {
			r.Settings.Hop, want.Hop = cal.Key.Hop, cal.Key.Hop
		}
		if err := cal.CheckSettings(want); err != nil {
			return nil, "", app.Usage(fmt.Errorf("%s: %w", path, err))
		}
		return data.SameThreshold(pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}),
			"threshold from " + path, nil
	}
	if t := r.Settings.Threshold; t != nil {
		return data.SameThreshold(pipeline.Threshold{Lo: t.Lo, Theta: t.Theta}), "threshold from " + r.configFile, nil
	}
	fit := func(camera string, paths []string) (pipeline.Threshold, error) {
		return r.calibrateOn(ctx, camera, o.Measure, paths, w)
	}
	if normal := o.Normal; normal != nil {
		t, err := fit("eval", normal)
		if err != nil {
			return nil, "", err
		}
		return data.SameThreshold(t), fmt.Sprintf("threshold from %d normal videos that were given", len(normal)), nil
	}
	return data.FitThresholds(fit)
}

// calibrateOn fits a threshold to normal videos at the live hop, as Calibrate does.
func (r *Recordings) calibrateOn(ctx context.Context, camera, measure string, paths []string, w io.Writer) (
	pipeline.Threshold, error,
) {
	normal := *r
	normal.Settings.Name = camera
	var sources []source.Address
	for _, p := range paths {
		src, err := source.ParseAddress(p)
		if err == nil && src.Live() {
			err = errors.New("is a live camera, want a recording")
		}
		if err != nil {
			return pipeline.Threshold{}, app.Usage(fmt.Errorf("--calibrate: %s: %w", p, err))
		}
		sources = append(sources, src)
	}
	normal.Take(sources)
	o := DefaultCalibrateOptions
	o.Measure = measure
	cal, err := normal.Calibrate(ctx, o, w)
	return pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}, err
}
