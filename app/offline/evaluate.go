package offline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/app"
	"vigil/capture/source"
	"vigil/eval"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// EvaluateOptions say what data set is scored.
type EvaluateOptions struct {
	Root, Format string   // as eval.Open takes them
	Normal       []string // videos to calibrate on instead of the data set's
}

// Evaluate scores a data set with the model of the settings and measures the scores. The threshold is that of the
// settings, or is fitted to normal video. It fills in the measurement's hop, detector and thresholds.
func (r *Recordings) Evaluate(ctx context.Context, o EvaluateOptions, measure *eval.Options, scorer *eval.Scorer,
	w io.Writer,
) (*eval.Result, error) {
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
	if measure.Thresholds, note, err = r.thresholds(ctx, data, m.Hash(), o.Normal, w); err != nil {
		return nil, err
	}
	scorer.Threads = r.Threads
	tests := *r
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

// thresholds are those of the live protocol for each camera of the data set, and where they come from; nil without
// normal video.
func (r *Recordings) thresholds(ctx context.Context, data *eval.Dataset, model string, normal []string, w io.Writer) (
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
		return r.calibrateOn(ctx, camera, paths, w)
	}
	if normal != nil {
		t, err := fit("eval", normal)
		if err != nil {
			return nil, "", err
		}
		return data.SameThreshold(t), fmt.Sprintf("threshold from %d normal videos that were given", len(normal)), nil
	}
	return data.FitThresholds(fit)
}

// calibrateOn fits a threshold to normal videos at the live hop, as Calibrate does.
func (r *Recordings) calibrateOn(ctx context.Context, camera string, paths []string, w io.Writer) (
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
	cal, err := normal.Calibrate(ctx, DefaultCalibrateOptions, w)
	return pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}, err
}
