package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vigil/internal/batch"
	"vigil/internal/progress"
	"vigil/internal/scene"
	"vigil/model"
	"vigil/model/train"
)

// spec is a network that learns the street in a minute: people are a quarter of the picture high, 16 of its pixels.
var spec = model.Spec{
	Side: 64, Channels: [4]int{8, 16, 32, 32}, Slots: 100, Lambda: 1. / 100, Addressing: model.Dot,
	Score: model.BlockSq,
}

// shortRecipe is the local speed recipe for a short run: small steps, so that there are more of them, and speed in
// every other clip, since that takes longest to learn. In PyTorch, on two minutes of the streets of seeds 1, 3, 4 and
// 5, 1200 such steps found 7 or 8 of 9 incidents; 600 of the recipe's own, which take as long, found 2 on that of seed
// 3.
func shortRecipe() (train.Recipe, error) {
	recipe, err := train.FindRecipe(train.LocalSpeed)
	recipe.Name += ", short"
	recipe.Batch, recipe.Pseudo = 2, 0.5
	// A person who fell lies still: the score must not depend on speed.
	recipe.Score, recipe.Last = spec.Score, spec.Last
	return recipe, err
}

// train trains on the normal street of one day and writes d.Weights.
func (d *demo) train(ctx context.Context) error {
	// Left by an interrupted demo, which does not resume training.
	checkpoint, err := d.folder.Path(filepath.Base(train.CheckpointPath(d.Weights)))
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
	videos, err := d.pictures(ctx, street)
	if err != nil {
		return err
	}
	recipe, err := shortRecipe()
	if err != nil {
		return err
	}
	bar := batch.NewTrainProgress(d.Stderr, d.Weights, spec.Slots)
	result, err := train.Run(ctx, train.Config{
		Spec: spec, Recipe: recipe, Seed: d.Seed, Budget: d.Learn, Out: d.Weights, Progress: bar.Show,
	}, videos)
	bar.Finish()
	if err != nil {
		return err
	}
	d.printf("trained on %.0f s of the street, in %d steps and %s\n", d.TrainLength.Seconds(),
		result.Steps, d.Learn)
	if warning := result.Warning(); warning != "" {
		fmt.Fprintf(d.Stderr, "warning: %s; the results may be poor; train longer (--learn)\n", warning)
	}
	return nil
}

// pictures draws the training day as the model's input.
func (d *demo) pictures(ctx context.Context, street *scene.Street) ([]train.Video, error) {
	frames := int(d.TrainLength.Seconds() * street.FPS())
	bar := progress.New(d.Stderr, "draw", "frames", frames)
	defer bar.Finish()
	videos, _, err := batch.ReadVideo(ctx, &scene.Source{Street: street, Frames: frames}, batch.VideoOptions{
		Name: "the street", Source: "the street", Side: spec.Side, OnFrame: bar.Add,
	})
	return videos, err
}
