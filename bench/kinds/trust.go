package main

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/app"
	"vigil/eval"
	"vigil/internal/scene"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

// reports are those that the camera cannot be trusted, by the video. They depend on the pictures alone, and so on no
// weights but for the side of their pictures.
type reports map[string][]eval.Untrusted

// key of a video's reports; a data set's videos may have the names of others.
func key(list, video string) string { return list + "/" + video }

// watchAll watches all videos with the view of the place that is learned from those of the calibration, or reads the
// reports that were kept.
func (p *place) watchAll(ctx context.Context, file string, test, known *eval.Dataset) (reports, error) {
	loaded := app.Models{}
	m, err := loaded.Load(file)
	if err != nil {
		return nil, err
	}
	side := m.Spec().Side
	path := filepath.Join(p.dir, "scores", fmt.Sprintf("reports-%d%s.gob", side, atRate()))
	all := reports{}
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		return all, gob.NewDecoder(f).Decode(&all)
	}
	view := calibrate.NewViewLearner(side, nil)
	var width, height int
	err = p.watch(ctx, loaded, file, p.calibrate, func(_ string, cam pipeline.Camera) error {
		view.NewRecording()
		cam.OnPicture = func(pic *video.Picture, at time.Duration, gap bool) {
			width, height = pic.Width, pic.Height
			view.Add(pic, at, gap)
		}
		_, err := pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{})
		return err
	})
	if err != nil {
		return nil, err
	}
	reference, err := view.Reference()
	if err != nil {
		return nil, err
	}
	record := &calibrate.Calibration{
		Key: calibrate.Key{Camera: p.name, Model: m.Hash(), Width: width, Height: height, FPS: *sees, Hop: hop},
		Lo:  0, Theta: 1, ScoreForm: m.Spec().Score, Reference: reference,
	}
	for list, videos := range map[string][]string{"base": p.base, "set": paths(test), "known": paths(known)} {
		err := p.watch(ctx, loaded, file, videos, func(name string, cam pipeline.Camera) (err error) {
			all[key(list, name)], err = reportsOf(ctx, cam, record)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if p.street != nil {
		err := p.watch(ctx, loaded, file, p.base[:1], func(_ string, cam pipeline.Camera) error {
			drawn, err := p.street()
			if err != nil {
				return err
			}
			cam.Open = func(context.Context, uint64, int) (pipeline.Stream, error) {
				return &scene.Source{Street: drawn, Frames: int(quiet.Seconds()) * *rate}, nil
			}
			all[key("base", "street")], err = reportsOf(ctx, cam, record)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(all), f.Close()); err != nil {
		return nil, err
	}
	return all, os.Rename(path+".part", path)
}

// watch calls play with the camera of each video, whose clips are too few to cost anything.
func (p *place) watch(ctx context.Context, loaded app.Models, file string, videos []string,
	play func(name string, cam pipeline.Camera) error,
) error {
	if len(videos) == 0 {
		return nil
	}
	r, err := p.open(videos, file)
	if err != nil {
		return err
	}
	all := r.Batch(loaded)
	for i, one := range all.All {
		cam, err := all.NewCamera(one)
		if err != nil {
			return err
		}
		cam.Lossless, cam.PartialClips, cam.Hop = true, false, 1<<20
		if cam.Model.NeedsBackground() {
			cam.Background = make([]float32, cam.Model.Spec().Side*cam.Model.Spec().Side)
		}
		if err := play(stem(videos[i]), cam); err != nil {
			return fmt.Errorf("%s: %w", videos[i], err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func reportsOf(ctx context.Context, cam pipeline.Camera, record *calibrate.Calibration) ([]eval.Untrusted, error) {
	var r eval.Recording
	cam.Threshold = pipeline.Threshold{Lo: record.Lo, Theta: record.Theta, Calibration: record}
	_, err := pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{OnAlert: func(a alerts.Alert) {
		r.AddReport(a)
		if a.EndReason == alerts.EndSourceEnded {
			// The end is the last clip's, and there are hardly any.
			r.Untrusted[len(r.Untrusted)-1].Last = math.MaxInt32
		}
	}})
	return r.Untrusted, err
}

// trust adds the reports to a recording, whose clips of that time then neither raise alarms nor are normal.
func trust(r *eval.Recording, given []eval.Untrusted) {
	r.Untrusted = given
	for i := range r.Clips {
		c := &r.Clips[i]
		j := slices.IndexFunc(given, func(u eval.Untrusted) bool {
			return int(c.Last.Frame) >= u.Reported && int(c.First.Frame) <= u.Last
		})
		if j >= 0 {
			c.Untrusted = given[j].Reason
		}
	}
}
