package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vigil/internal/batch"
	"vigil/model"
	"vigil/model/train"
)

// training is the command 'train'. Its recordings bring the sources, and from a configuration the camera's mask and
// fps.
type training struct {
	recordings
	options               train.Options
	config                train.Config
	slots, last           int
	lambda, pseudo, glide float64
	json                  bool
	stdout, stderr        io.Writer
}

func trainCommand() *cobra.Command {
	var t training
	cmd := &cobra.Command{
		Use:   "train SOURCE... -o MODEL",
		Short: "Learn what is normal from recordings without labels",
		Long: "Learns from video files and folders of frames that show nothing but normal life, all of one camera. A " +
			"twentieth of the frames is\n" +
			"held out, and the weights that do best there are kept in MODEL. A checkpoint beside it, " +
			"MODEL.checkpoint, holds the whole run\n" +
			"until it is done: a run that was interrupted goes on bit for bit with --resume. One seed gives one " +
			"result, whatever the number\n" +
			"of threads; but with --minutes the speed of the machine decides how many steps there are.\n\n" +
			"Recipe local-speed lets a part of some clips run too fast and unteaches what moves there; its weights " +
			"are scored by their worst\n" +
			"block. Recipe glide does that too, and lets what has been seen at other times glide through the picture " +
			"without moving its limbs: take it\n" +
			"where people walk. Recipe paper is the published one; its weights are scored by the mean error.",
		Example: "  vigil train ped2/train/*.mkv -o ped2.safetensors --preset fast\n" +
			"  vigil train yard/*.mp4 -o yard.safetensors --fps 10 --minutes 30",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t.stdout, t.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if err := t.prepare(cmd, args); err != nil {
				return usageError{err}
			}
			return t.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&t.config.Out, "out", "o", "", "weights `file` to write")
	f.StringVar(&t.options.Preset, "preset", "small", "size of the network: "+presetNames())
	f.IntVar(&t.options.Side, "side", 0,
		"side of the network's picture in `pixels`, a multiple of 16; 0 for the preset's")
	f.StringVar(&t.options.Addressing, "addressing", model.Dot, "how the memory compares: dot or cosine")
	f.IntVar(&t.slots, "slots", 0,
		"slots of the memory instead of the preset's number; 0 for a plain autoencoder without one")
	f.Float64Var(&t.lambda, "lambda", 0, "hard shrinkage of the addressing, instead of 1/slots")
	f.Float64Var(&t.pseudo, "pseudo", 0, "the share of clips of which a part runs too fast, instead of the recipe's")
	f.Float64Var(&t.glide, "glide", 0, "the share of clips through which something glides, instead of the recipe's")
	f.IntVar(&t.last, "last", 0,
		"how many frames at a clip's end the score is made of, instead of the recipe's number; 0 for all 16")
	f.StringVar(&t.options.Recipe, "recipe", train.LocalSpeed, "how to learn: local-speed, glide or paper")
	f.Uint64Var(&t.config.Seed, "seed", 1, "of everything that is drawn by chance")
	f.IntVar(&t.options.Epochs, "epochs", 0, "how often each clip is seen; 0 for the recipe's number")
	f.Float64Var(&t.options.Minutes, "minutes", 0, "how long to learn instead; the schedule is fitted to it")
	f.BoolVar(&t.config.Resume, "resume", false, "go on with the run that was interrupted")
	f.StringVar(&t.Camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&t.ConfigFile, "config", "c", "", "configuration `file` that has the camera's mask and fps")
	f.Float64Var(&t.fps, "fps", 0, "frames a second that the model sees; 0 for every frame")
	f.IntVar(&t.recordings.Options.Threads, "threads", 0, "processor cores; 0 for all")
	f.BoolVar(&t.json, "json", false, "print the summary as JSON")
	return cmd
}

func presetNames() string {
	var names []string
	for _, p := range model.Presets {
		names = append(names, p.Preset)
	}
	return strings.Join(names, ", ")
}

// prepare brings flags and configuration together; its errors are about usage.
func (t *training) prepare(cmd *cobra.Command, args []string) error {
	if t.config.Out == "" {
		return errors.New("-o: where shall the weights be written?")
	}
	// Weights that are being made cannot be needed, and neither can what is judged by them.
	t.Model = t.config.Out
	if err := t.open(cmd, args); err != nil {
		return err
	}
	if err := t.RefuseLive("cannot be learned from directly; record it first with 'vigil record'"); err != nil {
		return err
	}
	t.options.Slots, t.options.Last = given(cmd, "slots", t.slots), given(cmd, "last", t.last)
	t.options.Lambda = given(cmd, "lambda", t.lambda)
	t.options.Pseudo, t.options.Glide = given(cmd, "pseudo", t.pseudo), given(cmd, "glide", t.glide)
	if err := t.options.Apply(&t.config); err != nil {
		return err
	}
	if err := model.CheckOverwrite(t.config.Out); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return nil
}

func (t *training) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	videos, notes, err := t.read(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	bar := batch.NewTrainProgress(t.stderr, t.config.Out, t.config.Spec.Slots)
	began := time.Now()
	t.config.Threads, t.config.Progress, t.config.Notes = t.Recordings.Threads, bar.Show, notes
	result, err := train.Run(ctx, t.config, videos)
	bar.Finish()
	if errors.Is(err, train.ErrStopped) && ctx.Err() != nil {
		if other := onlyOther(err); other != nil {
			return fmt.Errorf("stopped after step %d, which could not be kept: %w", result.Steps, other)
		}
		fmt.Fprintf(t.stderr,
			"stopped after step %d; the run is kept in %s: go on with the same command and --resume\n", result.Steps,
			train.CheckpointPath(t.config.Out))
		return errInterrupted
	}
	if err != nil {
		return err
	}
	return t.summary(result, time.Since(began))
}

// read reads the recordings that are good.
func (t *training) read(ctx context.Context) ([]train.Video, map[string]string, error) {
	recordings := t.Batch(nil)
	frames, err := recordings.KeepGood(ctx, t.stderr)
	if err != nil {
		return nil, nil, err
	}
	set, err := recordings.ReadTrainingSet(ctx, frames, batch.VideoOptions{
		Side: t.config.Spec.Side, FPS: t.Settings.FPS, Mask: t.Settings.Mask,
	}, t.stderr)
	if err != nil {
		return nil, nil, err
	}
	return set.Videos, set.Notes(), nil
}

// onlyOther is what went wrong beside the stop.
func onlyOther(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !errors.Is(e, train.ErrStopped) {
				return e
			}
		}
	}
	return nil
}

func (t *training) summary(r train.Result, took time.Duration) error {
	if doubt := r.Warning(); doubt != "" {
		fmt.Fprintf(t.stderr,
			"warning: %s; learn longer (--epochs, --minutes), or from more video in which something moves\n", doubt)
	}
	if t.json {
		return json.NewEncoder(t.stdout).Encode(map[string]any{
			"model": t.config.Out, "steps": r.Steps, "clips": r.Clips, "frames": r.LearnFrames,
			"held_out_frames": r.HeldFrames,
			"best":            r.Best, "best_step": r.BestAt, "seconds": math.Round(took.Seconds()*10) / 10,
		})
	}
	r.Print(t.stdout, t.config.Out, took)
	return nil
}
