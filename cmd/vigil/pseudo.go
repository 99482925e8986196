package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/app/offline"
	"vigil/internal/batch"
	"vigil/internal/synth/kinds"
)

func pseudoCommand() *cobra.Command {
	var o batch.SynthesizeOptions
	var chosen string
	instances := 3
	cmd := &cobra.Command{
		Use:   "pseudo SOURCE... -o DIR",
		Short: "Make a labelled data set from normal recordings, to compare settings",
		Long:  help("pseudo") + "\n" + kindList(),
		Example: "  vigil train monday/*.mkv -o yard.safetensors\n" +
			"  vigil pseudo tuesday/*.mkv -o pseudo\n" +
			"  vigil eval pseudo -m yard.safetensors\n" +
			"  vigil pseudo --kinds all tuesday/*.mkv -o kinds\n" +
			"  vigil pseudo --kinds fall,covered,nothing --instances 5 tuesday/*.mkv -o few",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("kinds") {
				return makeKinds(cmd, args, chosen, batch.KindsOptions{Dir: o.Dir, Instances: instances, Seed: o.Seed})
			}
			if cmd.Flags().Changed("instances") {
				return app.Usage(errors.New("--instances: is for --kinds; without it give --copies"))
			}
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
	flags.StringVar(&chosen, "kinds", "", "`names` of kinds of events, separated by commas, or all; see the list above")
	flags.IntVar(&instances, "instances", instances, "with --kinds: videos of each kind")
	return cmd
}

func makeKinds(cmd *cobra.Command, args []string, names string, o batch.KindsOptions) (err error) {
	if cmd.Flags().Changed("copies") {
		return app.Usage(errors.New("--copies: is not for --kinds; give --instances"))
	}
	if o.Kinds, err = kinds.Select(names); err != nil {
		return app.Usage(fmt.Errorf("--kinds: %w", err))
	}
	made, err := offline.MakeKinds(cmd.Context(), args, o, cmd.ErrOrStderr())
	if err != nil {
		return interrupted(cmd.Context(), err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", o.Dir, made)
	return err
}

// kindList lists the kinds of 'vigil pseudo --kinds'.
func kindList() string {
	var text strings.Builder
	var group kinds.Group
	for _, k := range kinds.All() {
		if k.Group != group {
			group = k.Group
			fmt.Fprintf(&text, "\n%s:\n", group)
		}
		fmt.Fprintf(&text, "  %-10s %s\n", k.Name, k.About)
	}
	return text.String()
}
