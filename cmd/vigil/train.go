package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/model"
	"vigil/model/train"
)

func trainCommand() *cobra.Command {
	var r recordings
	var o offline.TrainOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "train SOURCE... -o MODEL",
		Short: "Train a model on recordings of normal scenes, without labels",
		Long:  help("train"),
		Example: "  vigil train ped2/train/*.mkv -o ped2.safetensors --preset fast\n" +
			"  vigil train yard/*.mp4 -o yard.safetensors --fps 10 --minutes 30",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.CheckOut(); err != nil {
				return err
			}
			r.Model = o.Out // training needs no weights and nothing that depends on them
			if err := r.open(cmd, args); err != nil {
				return err
			}
			training, err := r.Training(o)
			if err != nil {
				return err
			}
			result, took, err := training.Run(cmd.Context(), cmd.ErrOrStderr())
			switch {
			case errors.Is(err, train.ErrStopped):
				return errInterrupted
			case err != nil:
				return err
			case asJSON:
				return result.PrintJSON(cmd.OutOrStdout(), o.Out, took)
			}
			result.Print(cmd.OutOrStdout(), o.Out, took)
			return nil
		},
	}
	var presets []string
	for _, p := range model.Presets {
		presets = append(presets, p.Preset)
	}
	r.videoFlags(cmd, "mask and fps", "processor cores; 0 for all")
	f := cmd.Flags()
	f.StringVarP(&o.Out, "out", "o", "", "weights `file` to write")
	f.StringVar(&o.Preset, "preset", "small", "size of the network: "+strings.Join(presets, ", "))
	f.IntVar(&o.Side, "side", 0, "side of the network's picture in `pixels`, a multiple of 16; 0 for the preset's")
	f.StringVar(&o.Addressing, "addressing", model.Dot, "the memory's comparison: dot or cosine")
	f.StringVar(&o.From, "from", "",
		"weights to start from: base-street, by default; base-street-fast, by that of preset fast; base; a `file`; "+
			"or none")
	optional(f, &o.Slots, "slots",
		f.Int("slots", 0, "slots of the memory, instead of the preset's number; 0 for an autoencoder without a memory"))
	optional(f, &o.Lambda, "lambda", f.Float64("lambda", 0, "hard shrinkage of the addressing, instead of 1/slots"))
	optional(f, &o.Pseudo, "pseudo",
		f.Float64("pseudo", 0, "share of clips in which a part plays too fast, instead of the recipe's"))
	optional(f, &o.Glide, "glide",
		f.Float64("glide", 0, "share of clips through which an object glides, instead of the recipe's"))
	optional(f, &o.Last, "last", f.Int("last", 0,
		"number of frames at a clip's end that are scored, instead of the recipe's; 0 for all 16"))
	f.StringVar(&o.Recipe, "recipe", train.LocalSpeed, "training recipe: local-speed, glide or paper")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of everything random")
	f.IntVar(&o.Epochs, "epochs", 0, "number of epochs; 0 for the recipe's number")
	f.Float64Var(&o.Minutes, "minutes", 0, "duration of the training instead of --epochs; the schedule is fitted to it")
	f.BoolVar(&o.Resume, "resume", false, "continue the run that was interrupted")
	f.BoolVar(&asJSON, "json", false, "print the summary as JSON")
	return cmd
}
