package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app/offline"
	"vigil/internal/batch"
)

func pseudoCommand() *cobra.Command {
	var o batch.SynthesizeOptions
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
			made, err := offline.Synthesize(cmd.Context(), args, o, cmd.ErrOrStderr())
			if err != nil {
				return interrupted(cmd.Context(), err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", o.Dir, made)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Dir, "out", "o", "", "`folder` to write; it must not be there yet")
	flags.IntVar(&o.Copies, "copies", 4, "videos to make of each recording, half of each kind")
	flags.Uint64Var(&o.Seed, "seed", 1, "of everything that is drawn by chance")
	return cmd
}
