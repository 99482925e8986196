package model

import (
	"fmt"
	"path/filepath"
	"strings"

	"vigil/internal/errcode"
	"vigil/internal/output"
)

// ErrEnding is the error of a state dict's path whose ending is not that of a format.
var ErrEnding = errcode.WeightsWrongKind.New("must end in .pt, .pth, .ckpt or .safetensors, which say the format")

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
