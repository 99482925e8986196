package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/eval"
	"vigil/internal/progress"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// thresholds are what the live protocol judges errors by, for each camera of the data set, and where they are from; nil
// where there is no normal video.
func (e *evaluation) thresholds(cmd *cobra.Command, data *eval.Dataset, modelHash string) (eval.Thresholds,
	string, error,
) {
	var cameras []string
	for _, v := range data.Test {
		if !slices.Contains(cameras, v.Camera) {
			cameras = append(cameras, v.Camera)
		}
	}
	same := func(t pipeline.Threshold) eval.Thresholds {
		all := eval.Thresholds{}
		for _, c := range cameras {
			all[c] = t
		}
		return all
	}
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
		return same(pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}), "threshold from " + path, nil
	}
	if t := e.settings.Threshold; t != nil {
		return same(pipeline.Threshold{Lo: t.Lo, Theta: t.Theta}), "threshold from " + e.configFile, nil
	}
	if e.normal != nil {
		cal, err := e.calibrateOn(cmd, "eval", e.normal)
		if err != nil {
			return nil, "", err
		}
		return same(cal), fmt.Sprintf("threshold from %d normal videos that were given", len(e.normal)), nil
	}
	if len(data.Train) == 0 {
		return nil, "the data set has no normal video, so live has no threshold and no events; --calibrate gives some",
			nil
	}
	all := eval.Thresholds{}
	for _, c := range cameras {
		var paths []string
		for _, v := range data.Train {
			if v.Camera == c {
				paths = append(paths, v.Path)
			}
		}
		if paths == nil {
			return nil, "", fmt.Errorf("%s: camera %s has test video but no normal video; give some with --calibrate",
				data.Root, c)
		}
		name := "eval"
		if c != "" {
			name = "eval-" + c
		}
		t, err := e.calibrateOn(cmd, name, paths)
		if err != nil {
			return nil, "", err
		}
		all[c] = t
	}
	return all, fmt.Sprintf(
		"threshold from the data set's %d normal videos; if the model was trained on them, its errors there are too "+
			"low, "+
			"and so is the threshold", len(data.Train)), nil
}

// calibrateOn takes lo and theta from normal video at the live hop, as 'vigil calibrate' does.
func (e *evaluation) calibrateOn(cmd *cobra.Command, camera string, paths []string) (pipeline.Threshold, error) {
	c := calibrateRun{recordings: e.recordings, lo: loQuantile, theta: thetaQuantile, margin: margin}
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

// score runs every test video through the pipeline at hop 1. The clips of a larger hop are among these.
func (e *evaluation) score(cmd *cobra.Command, data *eval.Dataset, loaded app.Models, thresholds eval.Thresholds,
	scorer *eval.Scorer,
) error {
	ctx := cmd.Context()
	r := e.recordings
	r.settings.Calibration, r.settings.Threshold, r.settings.Hop = "", nil, 1
	var sources []source.Address
	for _, v := range data.Test {
		src, err := source.ParseAddress(v.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", v.Path, err)
		}
		sources = append(sources, src)
	}
	r.take(sources)
	// Figures without one of the videos would be those of another data set.
	total, bad, err := probe(ctx, r.sources, r.settings.Settings)
	if err := errors.Join(append(bad, err)...); err != nil {
		return err
	}
	bar := progress.New(e.stderr, "eval", "frames", total)
	defer bar.Finish()
	for i, v := range data.Test {
		cam, err := r.pipelineCamera(i, loaded, bar.Add)
		if err != nil {
			return err
		}
		if cal := thresholds[v.Camera].Calibration; cal != nil {
			cam.Sensitivity = cal.Sensitivity
		}
		// A folder of frames does not say its rate; the data set does.
		cam.Open = func(ctx context.Context, firstSeq uint64, opening int) (pipeline.Stream, error) {
			stream, err := capture.Open(ctx, r.sources[i], capture.Options{
				FirstSeq: firstSeq, Opening: opening,
				FolderFPS: data.FPS,
			})
			if err != nil {
				return nil, err
			}
			return countedStream{stream, bar.Add, nil}, nil
		}
		if err := scorer.Score(ctx, v, cam); err != nil {
			return err
		}
		if cal := thresholds[v.Camera].Calibration; cal != nil {
			want := cal.Key
			want.Width, want.Height, want.FPS = scorer.Size[0], scorer.Size[1], scorer.Recordings[i].FPS
			if err := cal.Check(want); err != nil {
				return fmt.Errorf("%s: %w", v.Path, err)
			}
		}
	}
	return nil
}
