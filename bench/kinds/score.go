package main

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigil/app"
	"vigil/app/offline"
	"vigil/eval"
	"vigil/internal/batch"
	"vigil/internal/scene"
	"vigil/internal/synth/kinds"
	"vigil/model"
	"vigil/model/train"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/video"
)

// hop is the live hop.
const hop = 2

// scored are the clips of a video, at the live hop; their readings have no sensitivity map applied, and their cells.
type scored struct {
	Name   string
	Frames int
	Clips  []detect.Clip
}

// scores are those of a place by some weights.
type scores struct {
	Model, Hash, Score string
	Width, Height      int
	Normal             []scored // of the calibration, without partial clips
	Base               []scored
	Test               []scored // of the kinds
	Known              []scored // of the place's labelled data set
}

// learn returns the weights of the place, which are trained if they are missing.
func (p *place) learn(ctx context.Context) (string, error) {
	if *weights != "" {
		return *weights, nil
	}
	path := filepath.Join(p.dir, fmt.Sprintf("%s-%s-%d%s.safetensors", *preset, *recipe, *seed, atRate()))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	r, err := p.open(p.train, path)
	if err != nil {
		return "", err
	}
	o := offline.TrainOptions{Out: path, Seed: *seed}
	o.Preset, o.Recipe, o.Addressing, o.Epochs = *preset, *recipe, model.Dot, p.epochs
	if *epochs > 0 {
		o.Epochs = *epochs
	}
	training, err := r.Training(o)
	if err != nil {
		return "", err
	}
	_, _, err = training.Run(ctx, os.Stderr)
	if errors.Is(err, train.ErrStopped) {
		_ = os.Remove(train.CheckpointPath(path))
	}
	return path, err
}

// atRate is the part of a file's name that says which rate the model sees; nothing for 10 frames a second.
func atRate() string {
	if *sees == 10 {
		return ""
	}
	return fmt.Sprintf("-%gfps", *sees)
}

func (p *place) open(videos []string, file string) (*offline.Recordings, error) {
	h := hop
	return offline.Open(videos, app.SourceOptions{}, offline.Options{
		Camera: p.name, Model: file, Hop: &h, FPS: sees, Threads: *threads,
	})
}

// set makes the videos of the kinds.
func (p *place) set(ctx context.Context, chosen []kinds.Kind) (*eval.Dataset, error) {
	dir := filepath.Join(p.dir, "set")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		made, err := offline.MakeKinds(ctx, p.base, batch.KindsOptions{
			Dir: dir, Kinds: chosen, Instances: *count, Seed: *seed,
		}, os.Stderr)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", dir, made)
	}
	return eval.Open(ctx, dir, "folder")
}

// score scores all videos by the weights, or reads the scores that were kept.
func (p *place) score(ctx context.Context, file string, test *eval.Dataset) (*scores, error) {
	path := filepath.Join(p.dir, "scores", stem(file)+".gob")
	s := &scores{}
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		return s, gob.NewDecoder(f).Decode(s)
	}
	var err error
	if p.empty, err = p.background(ctx, file); err != nil {
		return nil, err
	}
	if s.Normal, err = p.scoreVideos(ctx, s, p.calibrate, file, false); err != nil {
		return nil, err
	}
	if s.Base, err = p.scoreVideos(ctx, s, p.base, file, true); err != nil {
		return nil, err
	}
	if s.Test, err = p.scoreVideos(ctx, s, paths(test), file, true); err != nil {
		return nil, err
	}
	known, err := p.knownSet(ctx)
	if err != nil {
		return nil, err
	}
	if s.Known, err = p.scoreVideos(ctx, s, paths(known), file, true); err != nil {
		return nil, err
	}
	if p.street != nil {
		more, err := p.scoreStreet(ctx, s, file)
		if err != nil {
			return nil, err
		}
		s.Base = append(s.Base, more)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := s.writeCSV(strings.TrimSuffix(path, ".gob")); err != nil {
		return nil, err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(s), f.Close()); err != nil {
		return nil, err
	}
	return s, os.Rename(path+".part", path)
}

// knownSet opens the place's labelled data set; nil if it has none.
func (p *place) knownSet(ctx context.Context) (*eval.Dataset, error) {
	if p.known == "" {
		return nil, nil //nolint:nilnil // A place without one is one.
	}
	return eval.Open(ctx, p.known, "")
}

func stem(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

func paths(d *eval.Dataset) (out []string) {
	if d == nil {
		return nil
	}
	for _, v := range d.Test {
		out = append(out, v.Path)
	}
	return out
}

// background learns the empty scene from the videos of the calibration, for weights that know no place; nil for others.
func (p *place) background(ctx context.Context, file string) ([]float32, error) {
	loaded := app.Models{}
	m, err := loaded.Load(file)
	if err != nil || !m.NeedsBackground() {
		return nil, err
	}
	var learner calibrate.BackgroundLearner
	err = p.watch(ctx, loaded, file, p.calibrate, func(_ string, cam pipeline.Camera) error {
		cam.OnPicture = func(pic *video.Picture, _ time.Duration, _ bool) { learner.Add(pic.Gray) }
		_, err := pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{})
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := learner.Background(m.Spec().Side)
	return b.Scaled(), err
}

func (p *place) scoreVideos(ctx context.Context, s *scores, videos []string, file string, partial bool) (
	[]scored, error,
) {
	r, err := p.open(videos, file)
	if err != nil {
		return nil, err
	}
	loaded := app.Models{}
	m, err := loaded.Load(file)
	if err != nil {
		return nil, err
	}
	s.Model, s.Hash, s.Score = m.Name(), m.Hash(), m.Spec().Score
	all := r.Batch(loaded)
	var done []scored
	for i, one := range all.All {
		cam, err := all.NewCamera(one)
		if err != nil {
			return nil, err
		}
		cam.PartialClips, cam.Background = partial, p.empty
		v, err := s.scoreOne(ctx, cam)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", videos[i], err)
		}
		v.Name = stem(videos[i])
		done = append(done, v)
		fmt.Fprintf(os.Stderr, "\r%s: scored %d of %d  ", p.name, i+1, len(videos))
	}
	fmt.Fprintln(os.Stderr)
	return done, nil
}

// scoreStreet scores more of the street, without a file.
func (p *place) scoreStreet(ctx context.Context, s *scores, file string) (scored, error) {
	r, err := p.open(p.base[:1], file)
	if err != nil {
		return scored{}, err
	}
	all := r.Batch(app.Models{})
	cam, err := all.NewCamera(all.All[0])
	if err != nil {
		return scored{}, err
	}
	drawn, err := p.street()
	if err != nil {
		return scored{}, err
	}
	cam.Open = func(context.Context, uint64, int) (pipeline.Stream, error) {
		return &scene.Source{Street: drawn, Frames: int(quiet.Seconds()) * *rate}, nil
	}
	cam.Background = p.empty
	v, err := s.scoreOne(ctx, cam)
	v.Name = "street"
	return v, err
}

func (s *scores) scoreOne(ctx context.Context, cam pipeline.Camera) (v scored, err error) {
	cam.Lossless = true
	stats, err := pipeline.Run(ctx, []pipeline.Camera{cam}, pipeline.Options{
		Threads: *threads, OnClip: func(c detect.Clip) {
			c.Map = nil
			for i := range c.Readings {
				c.Readings[i].Cells = slices.Clone(c.Readings[i].Cells)
			}
			v.Clips = append(v.Clips, c)
			s.Width, s.Height = c.Width, c.Height
		},
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return v, err
	}
	v.Frames = int(stats[0].Frames)
	return v, nil
}

// writeCSV writes the scores in the format of 'vigil replay --scores', for 'vigil detect' and others.
func (s *scores) writeCSV(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, videos := range map[string][]scored{
		"calibrate": s.Normal, "base": s.Base, "set": s.Test, "known": s.Known,
	} {
		if videos == nil {
			continue
		}
		t, err := eval.CreateScores(filepath.Join(dir, name+".csv"))
		if err != nil {
			return err
		}
		for _, v := range videos {
			var rows []eval.ScoredFrame
			for _, c := range v.Clips {
				if !c.Partial() {
					rows = append(rows, eval.RowOf(c))
				}
			}
			t.AddScores(v.Name, rows)
		}
		if err := t.Commit(); err != nil {
			return err
		}
	}
	return nil
}
