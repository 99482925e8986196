package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"vigil/internal/errcode"
)

// Tensor is a dense array, row-major. Exactly one of Float and Int holds the values; a scalar has an empty shape.
type Tensor struct {
	Shape []int
	Float []float32
	Int   []int64
}

// Weights are a network's tensors under PyTorch's state dict names, including running statistics, with their
// hyper-parameters.
type Weights struct {
	Spec    Spec
	Name    string            // display name; may be empty
	Version string            // may be empty
	Notes   map[string]string // further metadata, kept unchanged
	Tensors map[string]Tensor
	// Placeless weights know many places, and none of them: they lack the tensor Background, and a score that needs it
	// takes that of the camera.
	Placeless bool
}

// tensorSpec is a tensor that a Spec requires.
type tensorSpec struct {
	name    string
	shape   []int
	integer bool
}

func (w *tensorSpec) len() int {
	n := 1
	for _, d := range w.shape {
		n *= d
	}
	return n
}

// tensorSpecs lists the required tensors in the order of the layers.
func (s Spec) tensorSpecs() []tensorSpec {
	var all []tensorSpec
	for _, l := range s.layers() {
		all = append(all, tensorSpec{name: l.name + ".weight", shape: l.weightShape()},
			tensorSpec{name: l.name + ".bias", shape: []int{l.out}})
		if l.norm != "" {
			for _, part := range []string{".weight", ".bias", ".running_mean", ".running_var"} {
				all = append(all, tensorSpec{name: l.norm + part, shape: []int{l.out}})
			}
			all = append(all, tensorSpec{name: l.norm + ".num_batches_tracked", shape: []int{}, integer: true})
		}
		if l.memory {
			all = append(all, tensorSpec{name: memoryName, shape: []int{s.Slots, s.Channels[3]}})
		}
	}
	if s.Score == BlockMotion {
		all = append(all, tensorSpec{name: Background, shape: []int{s.Side, s.Side}})
	}
	return all
}

// Background is the name of a tensor, [Side][Side] in [-1, 1], that weights with the score BlockMotion have in addition
// to the network's: the median over time of the training video.
const Background = "background"

// NewWeights makes weights with every tensor of the Spec: batch norms are the identity, everything else is 0.
func NewWeights(spec Spec) (*Weights, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	w := &Weights{Spec: spec, Tensors: map[string]Tensor{}}
	for _, want := range spec.tensorSpecs() {
		t := Tensor{Shape: want.shape}
		if want.integer {
			t.Int = make([]int64, want.len())
		} else {
			t.Float = make([]float32, want.len())
		}
		w.Tensors[want.name] = t
	}
	for _, l := range spec.layers() {
		if l.norm == "" {
			continue
		}
		for _, part := range []string{".weight", ".running_var"} {
			ones := w.Tensors[l.norm+part].Float
			for i := range ones {
				ones[i] = 1
			}
		}
	}
	return w, nil
}

// Check reports tensors that are missing, unknown, of another shape or type than the Spec requires, or hold invalid
// values.
func (w *Weights) Check() error {
	if err := w.Spec.Validate(); err != nil {
		return err
	}
	var bad []error
	known := map[string]bool{}
	for _, want := range w.Spec.tensorSpecs() {
		if w.Placeless && want.name == Background {
			continue
		}
		known[want.name] = true
		t, ok := w.Tensors[want.name]
		if !ok {
			bad = append(bad, fmt.Errorf("tensor %s: expected shape %v, found nothing", want.name, want.shape))
			continue
		}
		if err := t.checkAgainst(want); err != nil {
			bad = append(bad, fmt.Errorf("tensor %s: %w", want.name, err))
		}
	}
	for name := range w.Tensors {
		if !known[name] {
			bad = append(bad, fmt.Errorf("tensor %s: no such tensor in MemAE", shorten(name)))
		}
	}
	slices.SortStableFunc(bad, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	const most = 8
	if len(bad) > most {
		bad = append(bad[:most], fmt.Errorf("and %d more tensors", len(bad)-most))
	}
	return errcode.WeightsWrongNetwork.Wrap(errors.Join(bad...))
}

func (t *Tensor) checkAgainst(want tensorSpec) error {
	if !slices.Equal(t.Shape, want.shape) {
		return fmt.Errorf("expected shape %v, found %v", want.shape, t.Shape)
	}
	if want.integer {
		if len(t.Int) != want.len() {
			return errors.New("expected an integer, found floating point")
		}
		return nil
	}
	if len(t.Float) != want.len() {
		return errors.New("expected floating point, found integers")
	}
	for i, v := range t.Float {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("expected finite values, found %v at index %d", v, i)
		}
	}
	if strings.HasSuffix(want.name, ".running_var") {
		for i, v := range t.Float {
			if v < 0 {
				return fmt.Errorf("expected variances of at least 0, found %v at index %d", v, i)
			}
		}
	}
	return nil
}

// shorten quotes a string from a file, cut to 80 bytes.
func shorten(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
