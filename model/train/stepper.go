package train

import (
	"fmt"

	"vigil/model"
	"vigil/model/kernel"
)

// Stepper does training steps of the published recipe on one batch of clips, for benchmarks.
type Stepper struct {
	net    *network
	adam   *adam
	recipe Recipe
	done   int
}

// NewStepper plans a network with a copy of w for the given kernel set. Close must be called.
func NewStepper(w *model.Weights, set *kernel.Set, batch, threads int) (*Stepper, error) {
	recipe, err := FindRecipe(Paper)
	if err != nil {
		return nil, err
	}
	recipe.Batch = batch
	n, err := newNetworkWithSet(set, w, batch, threads, recipe.Entropy, recipe.Limit)
	if err != nil {
		return nil, err
	}
	return &Stepper{net: n, adam: newAdam(n.params, n.pool, recipe.Decay), recipe: recipe}, nil
}

// Clips is the buffer for the batch, [batch][16][Side][Side], in [-1, 1].
func (s *Stepper) Clips() []float32 { return s.net.x }

// Step does a training step: forward, loss, backward, running statistics, Adam.
func (s *Stepper) Step() error {
	if err := s.net.run(); err != nil {
		return err
	}
	good, err := gradientsFinite(s.net.pool, s.net.params)
	if err != nil {
		return err
	}
	if !good {
		return fmt.Errorf("step %d: a gradient is not finite", s.done+1)
	}
	s.net.updateRunningStats()
	s.done++
	return s.adam.update(s.net.params, s.recipe.rate(s.done-1, 0), s.done)
}

// Loss is that of the last Step.
func (s *Stepper) Loss() float64 { return s.net.loss.total }

// Close ends the Stepper's goroutines and waits for them.
func (s *Stepper) Close() { s.net.close() }

// StepFLOPs is the number of floating-point operations of a step per clip, counted like model.Stage's FLOPs: one
// forward and two backward products, without the gradient of the clip, which is not needed.
func StepFLOPs(parts []model.Stage) float64 {
	var all float64
	for _, p := range parts {
		all += p.FLOPs
	}
	return 3*all - parts[0].FLOPs
}
