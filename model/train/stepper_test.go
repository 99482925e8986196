package train

import (
	"testing"
	"time"

	"vigil/model"
	"vigil/model/kernel"
)

func microWeights(t *testing.T) *model.Weights {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	w, err := initialWeights(spec, 1)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestStepper(t *testing.T) {
	w := microWeights(t)
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

// TestStepStages expects every piece to have exactly one timer.
func TestStepStages(t *testing.T) {
	w := microWeights(t)
	s, err := NewStepper(w, kernel.BestSet(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	took := make([]time.Duration, s.StepTimers())
	if err := s.StepTimed(took); err != nil {
		t.Fatal(err)
	}
	var work float64
	for _, p := range s.StepStages() {
		for _, at := range []int{p.Forward, p.Weights, p.Input, p.Other} {
			if at < 0 {
				continue
			}
			if took[at] <= 0 {
				t.Errorf("%s: piece %d took %v", p.Name, at, took[at])
			}
			took[at] = -1
		}
		work += p.FLOPs
	}
	for i, d := range took {
		if d > 0 {
			t.Errorf("piece %d, %v, belongs to nothing", i, d)
		}
	}
	m, err := model.New(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Stages() {
		if p.Kind != model.MemoryRead {
			work -= p.FLOPs
		}
	}
	if work != 0 {
		t.Errorf("the layers' work is off by %v", work)
	}
}

func TestStepFLOPs(t *testing.T) {
	parts := []model.Stage{{FLOPs: 10}, {FLOPs: 200}, {FLOPs: 0}}
	if got := StepFLOPs(parts); got != 620 {
		t.Errorf("%v, want three times 210 without the first layer's 10", got)
	}
}
