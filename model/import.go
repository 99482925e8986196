package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
)

// InferSpec derives a Spec from the shapes of a state dict: channels, slots and λ = 1/slots. If exactly one preset
// matches, its name and side are used; otherwise the side is 0, since no shape depends on it.
func InferSpec(tensors map[string]Tensor) (Spec, error) {
	s := Spec{Addressing: Dot, Score: MeanAbs}
	for i, name := range []string{"encoder.0.weight", "encoder.3.weight", "encoder.6.weight", "encoder.9.weight"} {
		t, ok := tensors[name]
		if !ok {
			return Spec{}, fmt.Errorf("tensor %s: expected shape [out in 3 3 3], found nothing; the file has %s", name,
				listNames(tensors))
		}
		if len(t.Shape) != 5 {
			return Spec{}, fmt.Errorf("tensor %s: expected shape [out in 3 3 3], found %v", name, t.Shape)
		}
		s.Channels[i] = t.Shape[0]
	}
	t, ok := tensors[memoryName]
	if !ok {
		return Spec{}, fmt.Errorf("tensor %s: expected shape [slots %d], found nothing", memoryName, s.Channels[3])
	}
	if len(t.Shape) != 2 || t.Shape[0] < 1 {
		return Spec{}, fmt.Errorf("tensor %s: expected shape [slots %d], found %v", memoryName, s.Channels[3], t.Shape)
	}
	s.Slots = t.Shape[0]
	s.Lambda = 1 / float64(s.Slots)
	if fit := s.MatchingPresets(); len(fit) == 1 {
		s.Preset, s.Side = fit[0].Preset, fit[0].Side
	}
	return s, nil
}

// MatchingPresets lists the presets that have the channels and slots of s.
func (s Spec) MatchingPresets() []Spec {
	var all []Spec
	for _, p := range Presets {
		if p.Channels == s.Channels && p.Slots == s.Slots {
			all = append(all, p)
		}
	}
	return all
}

// FromStateDict makes weights from a state dict. Batch counters, which PyTorch 0.4.0 did not write, default to 0; every
// other tensor must be present.
func FromStateDict(tensors map[string]Tensor, spec Spec) (*Weights, error) {
	w := &Weights{Spec: spec, Tensors: maps.Clone(tensors)}
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	for _, want := range spec.tensorSpecs() {
		if _, ok := w.Tensors[want.name]; !ok && want.integer {
			w.Tensors[want.name] = Tensor{Shape: []int{}, Int: []int64{0}}
		}
	}
	if err := w.Check(); err != nil {
		return nil, err
	}
	return w, nil
}

// ReadStateDict reads a state dict from a file of torch.save, or from safetensors without hyper-parameters in its
// metadata. If the file holds several networks, prefix selects the one whose tensor names begin with it; otherwise
// prefix may be empty.
func ReadStateDict(path, prefix string) (map[string]Tensor, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	tensors, err := parseStateDict(raw, prefix)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withCode(err))
	}
	return tensors, nil
}

func parseStateDict(raw []byte, prefix string) (map[string]Tensor, error) {
	if !isSafetensors(raw) {
		return parsePyTorch(raw, prefix)
	}
	tensors, meta, err := parseSafetensors(raw)
	if err != nil {
		return nil, err
	}
	if meta[keySide] != "" {
		return nil, errors.New("already has hyper-parameters: use it directly, without import")
	}
	return selectNetwork(tensors, prefix)
}

// isSafetensors reports whether raw begins like a safetensors file: a plausible header length, then '{'. The first
// eight bytes of torch.save's formats give a length that is too large.
func isSafetensors(raw []byte) bool {
	return len(raw) > 8 && binary.LittleEndian.Uint64(raw) <= maxHeader && raw[8] == '{'
}
