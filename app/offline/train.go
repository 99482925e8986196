package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"vigil/app"
	"vigil/internal/batch"
	"vigil/model"
	"vigil/model/train"
	"vigil/pipeline/calibrate"
	"vigil/weights"
)

// TrainOptions select the network and the recipe by name, and the weights file.
type TrainOptions struct {
	train.Options
	Out string // weights file
	// From names the weights to start from: weights that come with vigil, a file, or FromNone. By default it is
	// base weights of drawn streets where the layers are the same, and FromNone for others and for the paper's recipe.
	From   string
	Seed   uint64
	Resume bool
}

// Training is a training run on recordings, with a checked Config.
type Training struct {
	*Recordings
	Config train.Config
	Start  string // what the training starts from, for people
	fps    float64
}

// CheckOut checks that the weights file can be written.
func (o *TrainOptions) CheckOut() error {
	if o.Out == "" {
		return app.Usage(errors.New("-o: is missing; must be the weights file to write"))
	}
	return nil
}

// Training checks the options.
func (r *Recordings) Training(o TrainOptions) (*Training, error) {
	if err := r.RefuseLive("cannot be trained on directly; record it first with 'vigil record'"); err != nil {
		return nil, app.Usage(err)
	}
	t := &Training{
		Recordings: r, Config: train.Config{Out: o.Out, Seed: o.Seed, Resume: o.Resume, Threads: r.Threads},
		fps: train.DefaultFPS,
	}
	if err := o.Apply(&t.Config); err != nil {
		return nil, app.Usage(err)
	}
	if err := t.start(&o); err != nil {
		return nil, err
	}
	if err := model.CheckOverwrite(o.Out); err != nil {
		return nil, app.Usage(fmt.Errorf("-o: %w", err))
	}
	return t, nil
}

// FromNone starts a training from drawn weights.
const FromNone = "none"

// start sets the weights that the training starts from, and the frame rate: theirs, if the settings have none.
func (t *Training) start(o *TrainOptions) (err error) {
	name := o.From
	t.Start = "nothing"
	if name == "" {
		if name, err = t.defaultStart(o.Recipe); err != nil {
			return err
		}
	}
	if name != FromNone {
		w, err := weights.Read(name)
		if err != nil {
			return err
		}
		m, err := weights.Load(name)
		if err != nil {
			return err
		}
		fits := t.Config.Spec.CheckSameNetwork
		if w.Placeless {
			fits = t.Config.Spec.CheckSameLayers
		}
		if err := fits(w.Spec); err != nil {
			return app.Usage(fmt.Errorf("--from: %s: %w; --from none starts from nothing", name, err))
		}
		t.Config.From, t.Config.FromName = w, m.Name()+" "+m.Version()
		t.Start = t.Config.FromName
		if w.FPS() > 0 {
			t.fps = w.FPS()
		}
	}
	if t.Settings.FPS != nil {
		t.fps = *t.Settings.FPS
	}
	return nil
}

// defaultStart names what a training starts from that has no TrainOptions.From. A run that is resumed goes on as it
// began.
func (t *Training) defaultStart(recipe string) (string, error) {
	if from, ok := train.CheckpointFrom(t.Config.Out); t.Config.Resume && ok {
		if base, _, _ := strings.Cut(from, " "); weights.Named(base) {
			return base, nil
		}
		return FromNone, nil
	}
	if recipe == train.Paper {
		t.Start = "nothing, as the paper does"
		return FromNone, nil
	}
	for _, name := range []string{weights.BaseStreet, weights.BaseStreetFast} {
		w, err := weights.Read(name)
		if err != nil {
			return "", err
		}
		if t.Config.Spec.CheckSameLayers(w.Spec) != nil {
			continue
		}
		if fps := t.Settings.FPS; fps != nil && math.Abs(*fps-w.FPS()) > calibrate.RateTolerance*w.FPS() {
			t.Start = "nothing, since " + name + " is of another frame rate"
			return FromNone, nil
		}
		return name, nil
	}
	t.Start = "nothing, since no base weights have layers of this size"
	return FromNone, nil
}

// Run trains on the recordings that can be read and returns how long the steps took. Progress and warnings go to w.
// The error is train.ErrStopped if ctx ended and the run so far is saved.
func (t *Training) Run(ctx context.Context, w io.Writer) (result train.Result, took time.Duration, err error) {
	fmt.Fprintf(w, "train: starts from %s\n", t.Start)
	set, err := t.read(ctx, w)
	if err != nil && ctx.Err() != nil {
		return result, 0, train.ErrStopped
	}
	if err != nil {
		return result, 0, err
	}
	bar := batch.NewTrainProgress(w, t.Config.Out, t.Config.Spec.Slots)
	began := time.Now()
	t.Config.Progress, t.Config.Notes = bar.Show, set.Notes()
	result, err = train.Run(ctx, t.Config, set.Videos)
	bar.Finish()
	took = time.Since(began)
	if errors.Is(err, train.ErrStopped) && ctx.Err() != nil {
		if other := besideStop(err); other != nil {
			return result, took, fmt.Errorf("stopped after step %d, which could not be saved: %w", result.Steps, other)
		}
		fmt.Fprintf(w,
			"stopped after step %d; the run is saved in %s: continue with the same command and --resume\n",
			result.Steps,
			train.CheckpointPath(t.Config.Out))
		return result, took, train.ErrStopped
	}
	if warning := result.Warning(); err == nil && warning != "" {
		fmt.Fprintf(w,
			"warning: %s; train longer (--epochs, --minutes), or on more video with motion\n", warning)
	}
	return result, took, err
}

// read reads the readable recordings.
func (t *Training) read(ctx context.Context, w io.Writer) (set batch.TrainingSet, err error) {
	recordings := t.Batch(nil)
	frames, err := recordings.KeepGood(ctx, w)
	if err != nil {
		return set, err
	}
	return recordings.ReadTrainingSet(ctx, frames, batch.VideoOptions{
		Side: t.Config.Spec.Side, FPS: t.fps, Mask: t.Settings.Mask,
	}, w)
}

// besideStop returns the errors other than the stop.
func besideStop(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !errors.Is(e, train.ErrStopped) {
				return e
			}
		}
	}
	return nil
}
