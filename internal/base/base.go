package base

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vigil/internal/batch"
	"vigil/internal/progress"
	"vigil/model"
	"vigil/model/train"
)

// Options configure the making of base weights.
type Options struct {
	Out     string
	From    string   // weights to start from; "" for none
	Data    string   // folder with the recordings of Places; "" for streets alone
	Without []string // names of Places that are left out
	Preset  string
	Streets int
	Seconds int // of each street
	Epochs  int
	Seed    uint64
	Threads int
	Stderr  io.Writer // progress
}

// stride is the number of frames between two clips: neighbours teach little that is new.
const stride = 4

// Make draws the streets, reads the recordings, and trains. The same options give the same weights to the last bit.
func Make(ctx context.Context, o Options) (train.Result, error) {
	spec, err := model.FindPreset(o.Preset)
	if err != nil {
		return train.Result{}, err
	}
	recipe, err := train.FindRecipe(train.Glide)
	if err != nil {
		return train.Result{}, err
	}
	recipe.Stride = stride
	videos, err := o.videos(ctx, spec.Side)
	if err != nil {
		return train.Result{}, err
	}
	cfg := train.Config{
		Spec: spec, Recipe: recipe, Seed: o.Seed, Epochs: o.Epochs, Threads: o.Threads, Out: o.Out,
		Notes: map[string]string{train.NoteFPS: strconv.Itoa(FPS), "places": o.places()},
	}
	if o.From != "" {
		if cfg.From, err = model.ReadWeights(o.From); err != nil {
			return train.Result{}, err
		}
		m, err := model.Load(o.From)
		if err != nil {
			return train.Result{}, err
		}
		cfg.FromName = m.Name() + " " + m.Version()
	}
	bar := batch.NewTrainProgress(o.Stderr, o.Out, spec.Slots)
	defer bar.Finish()
	cfg.Progress = bar.Show
	return train.Run(ctx, cfg, videos)
}

// used are the Places that are not left out.
func (o *Options) used() []Place {
	if o.Data == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(Places), func(p Place) bool { return slices.Contains(o.Without, p.Name) })
}

// places describes the training set in the weights' record.
func (o *Options) places() string {
	parts := []string{fmt.Sprintf("%d drawn streets of %d s", o.Streets, o.Seconds)}
	for _, p := range o.used() {
		parts = append(parts, p.Name)
	}
	return strings.Join(parts, ", ")
}

func (o *Options) videos(ctx context.Context, side int) (videos []train.Video, err error) {
	for _, p := range o.used() {
		more, err := p.Read(ctx, o.Data, side, o.Stderr)
		if err != nil {
			return nil, err
		}
		videos = append(videos, more...)
	}
	bar := progress.New(o.Stderr, "draw", "streets", o.Streets)
	defer bar.Finish()
	for n := range o.Streets {
		video, err := Street(ctx, o.Seed, n, o.Seconds*FPS, side)
		if err != nil {
			return nil, err
		}
		videos = append(videos, video)
		bar.Add()
	}
	return videos, nil
}
