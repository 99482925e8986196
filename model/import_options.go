package model

import (
	"errors"
	"fmt"
	"strings"
)

// ImportOptions say what a state dict does not.
type ImportOptions struct {
	Prefix     string // of the tensors' names, where the file has several networks
	Preset     string // or Side; neither where the shapes are those of one preset
	Side       int
	Addressing string
	Score      string
	Lambda     *float64 // nil for 1/slots
	Name       string   // of the weights; "" for the file's
	Version    string
}

// OptionError is an error that other options avoid. Its text names them like the flags of 'vigil model import' and
// 'vigil model export'.
type OptionError struct{ Err error }

func (e *OptionError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// Import makes weights of a PyTorch state dict, as ReadStateDict reads it, whose tensors have the names of MemAE's
// released code.
func Import(path string, o ImportOptions) (*Weights, error) {
	if o.Preset != "" && o.Side != 0 {
		return nil, &OptionError{errors.New("--preset and --side are given, one of them is enough")}
	}
	tensors, err := ReadStateDict(path, o.Prefix)
	if errors.Is(err, ErrPrefix) {
		return nil, &OptionError{err}
	}
	if err != nil {
		return nil, err
	}
	spec, err := InferSpec(tensors)
	if err != nil {
		return nil, fmt.Errorf(
			"%s: %w\nonly MemAE with its released code's names can be imported: encoder.0.weight and so on", path, err)
	}
	if err := o.size(&spec); err != nil {
		return nil, &OptionError{err}
	}
	spec.Addressing, spec.Score = o.Addressing, o.Score
	if o.Lambda != nil {
		spec.Lambda = *o.Lambda
	}
	if err := spec.Validate(); err != nil {
		return nil, &OptionError{err}
	}
	w, err := FromStateDict(tensors, spec)
	if err != nil {
		return nil, fmt.Errorf(
			"%s: %w\nthe state dict must have the tensors of MemAE and no others: save it again without what is not "+
				"the network's", path, err)
	}
	w.Name, w.Version = o.Name, o.Version
	return w, nil
}

// size sets the preset and the side.
func (o ImportOptions) size(spec *Spec) error {
	if o.Preset != "" {
		p, err := FindPreset(o.Preset)
		if err != nil {
			return fmt.Errorf("--preset: %w", err)
		}
		if p.Channels != spec.Channels || p.Slots != spec.Slots {
			return fmt.Errorf("--preset %s has channels %v and %d slots, the file has %v and %d", o.Preset, p.Channels,
				p.Slots, spec.Channels, spec.Slots)
		}
		spec.Preset, spec.Side = p.Preset, p.Side
		return nil
	}
	matching := spec.MatchingPresets()
	if o.Side == 0 {
		if spec.Side != 0 {
			return nil
		}
		why := "no preset has"
		if len(matching) > 1 {
			var names []string
			for _, p := range matching {
				names = append(names, fmt.Sprintf("%s (%d)", p.Preset, p.Side))
			}
			why = strings.Join(names, " and ") + " have"
		}
		return fmt.Errorf(
			"--side is missing: the weights do not say the size of the input, and %s the channels %v with %d slots",
			why, spec.Channels, spec.Slots)
	}
	spec.Side, spec.Preset = o.Side, ""
	for _, p := range matching {
		if p.Side == o.Side {
			spec.Preset = p.Preset
		}
	}
	return nil
}
