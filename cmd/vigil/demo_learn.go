package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"vigil/internal/progress"
	"vigil/internal/scene"
	"vigil/model"
	"vigil/model/train"
	"vigil/preprocess"
	"vigil/video"
)

// demoSpec is a network that learns the street in a minute: people are a quarter of the picture high, 16 of its pixels.
var demoSpec = model.Spec{
	Side: 64, Channels: [4]int{8, 16, 32, 32}, Slots: 100, Lambda: 1. / 100, Addressing: model.Dot,
	Score: model.BlockSq,
}

// demoRecipe is local speed for a short time: small steps, so that there are more of them, and speed in every other
// clip, since that is what takes long to learn. In PyTorch, on two minutes of the streets of seeds 1, 3, 4 and 5, 1200
// such steps found 7 or 8 of 9 incidents; 600 of the recipe's own, which take as long, found 2 on that of seed 3.
func demoRecipe() (train.Recipe, error) {
	recipe, err := train.FindRecipe(train.LocalSpeed)
	recipe.Name += ", short"
	recipe.Batch, recipe.Pseudo = 2, 0.5
	// Somebody who fell lies still: how fast something moves must not count.
	recipe.Score, recipe.Last = demoSpec.Score, demoSpec.Last
	return recipe, err
}

// train learns the normal street of one day into d.weights.
func (d *demo) train(ctx context.Context) error {
	// What an interrupted demo left: it has no use for half a lesson.
	checkpoint, err := d.folder.Path(filepath.Base(train.CheckpointPath(d.weights)))
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := os.Remove(checkpoint); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	street, err := d.street(0, 0)
	if err != nil {
		return err
	}
	video, err := d.pictures(ctx, street)
	if err != nil {
		return err
	}
	recipe, err := demoRecipe()
	if err != nil {
		return err
	}
	bar := newTrainProgress(d.stderr, d.weights, demoSpec.Slots)
	result, err := train.Run(ctx, train.Config{
		Spec: demoSpec, Recipe: recipe, Seed: d.seed, Budget: d.learn, Out: d.weights, Progress: bar.show,
	}, []train.Video{video})
	bar.finish()
	if err != nil {
		return err
	}
	d.say("learned the street from %.0f s of it, in %d steps and %s\n", d.lesson.Seconds(), result.Steps, d.learn)
	if doubt := result.Warning(); doubt != "" {
		fmt.Fprintf(d.stderr, "warning: %s; expect little of what follows, or learn longer (--learn)\n", doubt)
	}
	return nil
}

// pictures draws the day that is learned and makes it ready for the model.
func (d *demo) pictures(ctx context.Context, street *scene.Street) (drawn train.Video, err error) {
	width, height := street.Size()
	frames := int(d.lesson.Seconds() * street.FPS())
	drawn = train.Video{Name: "the street", Width: width, Height: height, Side: demoSpec.Side}
	prep := preprocess.NewPreparer(demoSpec.Side, nil)
	defer func() { err = errors.Join(err, prep.Close()) }()
	bar := progress.New(d.stderr, "draw", "frames", frames)
	defer bar.Finish()
	src := &scene.Source{Street: street, Frames: frames}
	var frame video.Frame
	for {
		switch err := src.Read(ctx, &frame); {
		case errors.Is(err, io.EOF):
			return drawn, nil
		case err != nil:
			return drawn, err
		}
		picture, err := prep.Prepare(&frame)
		if err != nil {
			return drawn, err
		}
		drawn.Gray = append(drawn.Gray, picture.Gray...)
		bar.Add()
	}
}
