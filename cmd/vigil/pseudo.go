package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/batch"
	"vigil/internal/names"
)

// faking is 'vigil pseudo'.
type faking struct {
	out    string
	copies int
	seed   uint64
}

func pseudoCommand() *cobra.Command {
	var f faking
	cmd := &cobra.Command{
		Use:   "pseudo SOURCE... -o DIR",
		Short: "Make a labelled data set of normal recordings, to choose by",
		Long: "Makes labelled videos of normal ones, for 'vigil eval'. Each begins as it was; from a known moment " +
			"on, in every other one a part of the\n" +
			"picture runs at two to five times its speed, and in the rest something that was seen at another time " +
			"glides through without moving\n" +
			"its limbs. Presets, recipes and lengths of training can so be chosen by videos of your camera in which " +
			"nothing ever\n" +
			"happened. Take short recordings that were not learned from; one at a time is held in memory.",
		Example: "  vigil train monday/*.mkv -o yard.safetensors\n" +
			"  vigil pseudo tuesday/*.mkv -o pseudo\n" +
			"  vigil eval pseudo -m yard.safetensors",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return usageError{err}
			}
			err := f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
			if cmd.Context().Err() != nil {
				return errInterrupted
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.out, "out", "o", "", "`folder` to write; it must not be there yet")
	flags.IntVar(&f.copies, "copies", 4, "videos to make of each recording, half of each kind")
	flags.Uint64Var(&f.seed, "seed", 1, "of everything that is drawn by chance")
	return cmd
}

func (f *faking) check() error {
	if f.out == "" {
		return errors.New("-o: into which folder shall the videos be written?")
	}
	if f.copies < 1 || f.copies > 1000 {
		return fmt.Errorf("--copies: is %d, must be from 1 to 1000", f.copies)
	}
	if _, err := os.Lstat(f.out); err == nil {
		return fmt.Errorf("-o: %s is there already, give the name of a new folder", f.out)
	}
	return nil
}

func (f *faking) run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	var sources []source.Address
	for _, arg := range args {
		src, err := source.ParseAddress(arg)
		if err != nil {
			return usageError{err}
		}
		if src.Live() {
			return usageError{fmt.Errorf("%s: is a live camera; give recordings of it, as 'vigil record' makes them",
				src)}
		}
		sources = append(sources, src)
	}
	recordings := batch.Recordings{
		Options: func() (capture.Options, error) { return app.OpenOptions(config.Default().Defaults) },
	}
	for n, name := range names.Files(sources) {
		for _, other := range recordings.All {
			if other.Source == sources[n] || other.Name == name {
				return usageError{fmt.Errorf("%s and %s: two recordings of the name %s, take them one after the other",
					other.Source, sources[n], other.Name)}
			}
		}
		recordings.All = append(recordings.All, batch.Recording{Source: sources[n], Name: name})
	}
	made, err := recordings.Synthesize(ctx, batch.SynthesizeOptions{Dir: f.out, Copies: f.copies, Seed: f.seed})
	if err != nil {
		return err
	}
	batch.WarnLeftOut(stderr, made.Bad)
	if made.Videos == 0 {
		return fmt.Errorf("nothing could be made of %d recordings: they are too short, or nothing moves in them",
			len(args))
	}
	fmt.Fprintf(stdout, "%s: %d videos of %d recordings", f.out, made.Videos, made.Recordings)
	if made.Failed > 0 {
		fmt.Fprintf(stdout, "; %d could not be made: too short, or too little moves", made.Failed)
	}
	fmt.Fprintln(stdout)
	return nil
}
