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
		Short: "Make a labelled data set from normal recordings, to compare settings",
		Long:  help("pseudo"),
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
	flags.StringVarP(&o.Dir, "out", "o", "", "`folder` to write; it must not exist yet")
	flags.IntVar(&o.Copies, "copies", 4, "videos to make from each recording, half of each kind")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of everything random")
	return cmd
}
