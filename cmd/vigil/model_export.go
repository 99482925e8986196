package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"vigil/internal/output"
	"vigil/model"
)

func modelExportCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "export FILE -o FILE",
		Short: "Make a PyTorch state dict of weights",
		Long: "Make a PyTorch state dict of weights, under the names that MemAE's released code has. The ending of " +
			"-o chooses the format: .pt, .pth and\n" +
			".ckpt are as torch.save writes them, and torch.load reads them with weights_only=True; .safetensors is " +
			"for safetensors.torch.load_file.\n" +
			"What PyTorch's network has no tensor for, which is the background that the score block_motion compares " +
			"with, is left out.",
		Example: "  vigil model export weights/mine.safetensors -o mine.pt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError{errors.New("--output is missing: say where to write the state dict")}
			}
			w, err := model.ReadWeights(args[0])
			if err != nil {
				return err
			}
			tensors := w.NetworkTensors()
			ending := strings.ToLower(filepath.Ext(to))
			if output.Through(to) && ending != ".safetensors" {
				ending = ".pt" // what is no file needs no ending
			}
			switch ending {
			case ".pt", ".pth", ".ckpt":
				err = model.WritePyTorch(to, tensors)
			case ".safetensors":
				err = model.WriteSafetensors(to, tensors, map[string]string{"format": "pt"})
			default:
				err = usageError{
					fmt.Errorf("--output %s: must end in .pt, .pth, .ckpt or .safetensors, which say the format", to),
				}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(),
				"%s: %d tensors, for a network of side %d, channels %v, %d slots, %s addressing, lambda %g\n",
				to, len(tensors), w.Spec.Side, w.Spec.Channels, w.Spec.Slots, w.Spec.Addressing, w.Spec.Lambda)
			if len(tensors) != len(w.Tensors) {
				fmt.Fprintf(cmd.OutOrStdout(), "without %s, which the score %s needs and PyTorch's network has not\n",
					model.Background, w.Spec.Score)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&to, "output", "o", "", "the state dict to write (.pt, .pth, .ckpt or .safetensors)")
	return c
}
