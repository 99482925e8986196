package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/internal/output"
	"vigil/internal/terminal"
	"vigil/model"
	"vigil/model/train"
)

func modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Look into weights, bring them in and out",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(modelInfoCommand(), modelImportCommand(), modelExportCommand())
	return c
}

func modelInfoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info FILE",
		Short: "Say what a file of weights is",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := train.Describe(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				text, err := json.MarshalIndent(info, "", "  ")
				if err == nil {
					_, err = out.Write(append(terminal.EscapeJSON(text), '\n'))
				}
				return err
			}
			_, err = fmt.Fprint(out, info)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func modelImportCommand() *cobra.Command {
	var f model.ImportOptions
	var to string
	var lambda float64
	c := &cobra.Command{
		Use:   "import FILE -o FILE",
		Short: "Make weights of a PyTorch state dict",
		Long: "Make weights of a PyTorch state dict, as torch.save wrote it in any version, or of safetensors " +
			"without hyper-parameters. It may lie in a\n" +
			"checkpoint, beside other things, and all its names may begin with module., model., _orig_mod. or the " +
			"like. Nothing in it is executed.\n" +
			"Channels and slots are read from the shapes. The input side is in no shape: say --preset or --side, " +
			"unless exactly one\n" +
			"preset has these channels and slots.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError{errors.New("--output is missing: say where to write the weights")}
			}
			f.Lambda = given(cmd, "lambda", lambda)
			w, err := model.Import(args[0], f)
			if _, wrong := errors.AsType[*model.OptionError](err); wrong {
				err = usageError{err}
			}
			if err != nil {
				return err
			}
			if err := w.Write(to); err != nil {
				return err
			}
			if output.Through(to) {
				return nil // it cannot be read again
			}
			info, err := train.Describe(to)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), info)
			return err
		},
	}
	flags := c.Flags()
	flags.StringVarP(&to, "output", "o", "", "the weights to write (safetensors)")
	flags.StringVar(&f.Prefix, "prefix", "",
		"what the names of the network's tensors begin with, where the file has several networks")
	flags.StringVar(&f.Preset, "preset", "", "the network's name")
	flags.IntVar(&f.Side, "side", 0, "the side of its input in pixels, a multiple of 16")
	flags.StringVar(&f.Addressing, "addressing", model.Dot, "how it compares: dot or cosine")
	flags.Float64Var(&lambda, "lambda", 0, "its hard shrinkage (default 1/slots; the released code has 0.0025)")
	flags.StringVar(&f.Score, "score", model.MeanAbs, "how a clip becomes one number: mean_abs or block_sq")
	flags.StringVar(&f.Name, "name", "", "what to call the weights (default: the file's name)")
	flags.StringVar(&f.Version, "version", "",
		"which of their versions this is, for the alerts (default: the beginning of the SHA-256)")
	return c
}
