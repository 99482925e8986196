package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

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
			n, err := w.WriteStateDict(to)
			if errors.Is(err, model.ErrEnding) {
				err = usageError{fmt.Errorf("--output %w", err)}
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(),
				"%s: %d tensors, for a network of side %d, channels %v, %d slots, %s addressing, lambda %g\n",
				to, n, w.Spec.Side, w.Spec.Channels, w.Spec.Slots, w.Spec.Addressing, w.Spec.Lambda)
			if n != len(w.Tensors) {
				fmt.Fprintf(cmd.OutOrStdout(), "without %s, which the score %s needs and PyTorch's network has not\n",
					model.Background, w.Spec.Score)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&to, "output", "o", "", "the state dict to write (.pt, .pth, .ckpt or .safetensors)")
	return c
}
