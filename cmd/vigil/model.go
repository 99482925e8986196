package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/model"
	"vigil/model/train"
	"vigil/weights"
)

func modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "Show, import and export weights",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(modelInfoCommand(), modelImportCommand(), modelExportCommand())
	return c
}

func modelInfoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info MODEL",
		Short: "Describe a weights file",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := describe(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return info.PrintJSON(cmd.OutOrStdout())
			}
			return info.Print(cmd.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// describe describes weights that come with vigil, or those of a file.
func describe(nameOrPath string) (*train.Info, error) {
	w, err := weights.Read(nameOrPath)
	if err != nil {
		return nil, err
	}
	m, err := weights.Load(nameOrPath)
	if err != nil {
		return nil, err
	}
	return train.DescribeLoaded(w, m), nil
}

func modelImportCommand() *cobra.Command {
	var o model.ImportOptions
	var to string
	c := &cobra.Command{
		Use:   "import FILE -o FILE",
		Short: "Convert a PyTorch state dict to weights",
		Long:  help("model-import"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := train.Import(args[0], to, o)
			if err != nil || info == nil {
				return optionUsage(err)
			}
			return info.Print(cmd.OutOrStdout())
		},
	}
	flags := c.Flags()
	flags.StringVarP(&to, "output", "o", "", "the weights to write (safetensors)")
	flags.StringVar(&o.Prefix, "prefix", "",
		"prefix of the names of the network's tensors, if the file has several networks")
	flags.StringVar(&o.Preset, "preset", "", "the network's name")
	flags.IntVar(&o.Side, "side", 0, "the side of its input in pixels, a multiple of 16")
	flags.StringVar(&o.Addressing, "addressing", model.Dot, "the memory's comparison: dot or cosine")
	optional(flags, &o.Lambda, "lambda",
		flags.Float64("lambda", 0, "its hard shrinkage (default 1/slots; the released code has 0.0025)"))
	flags.StringVar(&o.Score, "score", model.MeanAbs, "how a clip becomes one number: mean_abs or block_sq")
	flags.StringVar(&o.Name, "name", "", "name of the weights (default: the file's name)")
	flags.StringVar(&o.Version, "version", "",
		"version of the weights, for the alerts (default: the beginning of the SHA-256)")
	return c
}

func modelExportCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:     "export FILE -o FILE",
		Short:   "Convert weights to a PyTorch state dict",
		Long:    help("model-export"),
		Example: "  vigil model export weights/mine.safetensors -o mine.pt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := weights.Read(args[0])
			if err != nil {
				return err
			}
			text, err := w.Export(to)
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			}
			return optionUsage(err)
		},
	}
	c.Flags().StringVarP(&to, "output", "o", "", "the state dict to write (.pt, .pth, .ckpt or .safetensors)")
	return c
}

// optionUsage makes an error that other options would avoid a usage error.
func optionUsage(err error) error {
	if _, ok := errors.AsType[*model.OptionError](err); ok {
		return app.Usage(err)
	}
	return err
}
