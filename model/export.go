package model

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"vigil/internal/errcode"
	"vigil/internal/output"
)

// ErrEnding is the error of a state dict's path whose ending is not that of a format.
var ErrEnding = errcode.WeightsWrongKind.New("must end in .pt, .pth, .ckpt or .safetensors, which say the format")

// Export writes the weights of a file as a state dict, as WriteStateDict does, and describes it in lines.
func (w *Weights) Export(to string) (string, error) {
	if to == "" {
		return "", &OptionError{errors.New("--output is missing: say where to write the state dict")}
	}
	n, err := w.WriteStateDict(to)
	if errors.Is(err, ErrEnding) {
		err = &OptionError{fmt.Errorf("--output %w", err)}
	}
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s: %d tensors, for a network of side %d, channels %v, %d slots, %s addressing, lambda %g\n",
		to, n, w.Spec.Side, w.Spec.Channels, w.Spec.Slots, w.Spec.Addressing, w.Spec.Lambda)
	if n != len(w.Tensors) {
		text += fmt.Sprintf("without %s, which the score %s needs and PyTorch's network does not have\n", Background,
			w.Spec.Score)
	}
	return text, nil
}

// WriteStateDict writes the network as a PyTorch state dict, in the format that the path's ending says, and returns the
// number of tensors. A path that is not a regular file needs no ending.
func (w *Weights) WriteStateDict(path string) (int, error) {
	tensors := w.NetworkTensors()
	ending := strings.ToLower(filepath.Ext(path))
	if output.Through(path) && ending != ".safetensors" {
		ending = ".pt"
	}
	switch ending {
	case ".pt", ".pth", ".ckpt":
		return len(tensors), WritePyTorch(path, tensors)
	case ".safetensors":
		return len(tensors), WriteSafetensors(path, tensors, map[string]string{"format": "pt"})
	}
	return 0, fmt.Errorf("%s: %w", path, ErrEnding)
}
