package train

import (
	"testing"

	"vigil/model"
	"vigil/model/kernel"
)

func TestStepper(t *testing.T) {
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	w, err := initial(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	before := w.Tensors["encoder.0.weight"].Float[0]
	for _, set := range kernel.Sets() {
		s, err := NewStepper(w, set, 2, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Clips() {
			s.Clips()[i] = float32(i%7)/3 - 1
		}
		var losses []float64
		for range 30 {
			if err := s.Step(); err != nil {
				t.Fatal(err)
			}
			losses = append(losses, s.Loss())
		}
		s.Close()
		if losses[29] >= losses[0] {
			t.Errorf("%s: the loss went from %v to %v", set.Name, losses[0], losses[29])
		}
	}
	if w.Tensors["encoder.0.weight"].Float[0] != before {
		t.Error("the given weights were changed")
	}
}

func TestStepWork(t *testing.T) {
	parts := []model.Part{{Work: 10}, {Work: 200}, {Work: 0}}
	if got := StepWork(parts); got != 620 {
		t.Errorf("%v, want three times 210 without the first layer's 10", got)
	}
}
