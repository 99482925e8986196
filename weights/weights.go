// Package weights holds the base weights that come with vigil, and reads weights by their name or from a file.
package weights

import (
	"embed"
	"fmt"
	"slices"

	"vigil/model"
)

// Base has learned everything that may be used for research, the others only drawn streets: BaseStreet a network of
// preset small, BaseStreetFast one of preset fast.
const (
	Base           = "base"
	BaseStreet     = "base-street"
	BaseStreetFast = "base-street-fast"
)

//go:embed base.safetensors base-street.safetensors base-street-fast.safetensors
var files embed.FS

// Names are the names of the weights that come with vigil.
func Names() []string { return []string{Base, BaseStreet, BaseStreetFast} }

// Named reports whether weights of that name come with vigil; another name is a file's.
func Named(name string) bool { return slices.Contains(Names(), name) }

// Load prepares the named weights, or those of a file.
func Load(nameOrPath string) (*model.Model, error) {
	if !Named(nameOrPath) {
		return model.Load(nameOrPath)
	}
	raw, err := embedded(nameOrPath)
	if err != nil {
		return nil, err
	}
	return model.LoadFrom(raw, nameOrPath)
}

// Read reads the named weights, or those of a file.
func Read(nameOrPath string) (*model.Weights, error) {
	if !Named(nameOrPath) {
		return model.ReadWeights(nameOrPath)
	}
	raw, err := embedded(nameOrPath)
	if err != nil {
		return nil, err
	}
	return model.ParseWeights(raw, nameOrPath)
}

func embedded(name string) ([]byte, error) {
	raw, err := files.ReadFile(name + ".safetensors")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, nil
}
