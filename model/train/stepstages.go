package train

import (
	"time"

	"vigil/model"
)

// The pieces of a layer in a training step, and behind those of all layers the ones that are there once.
const (
	lapForward = iota // the convolution
	lapNorm           // batch norm and LeakyReLU, forward and backward
	lapWeights        // the gradient of the weights
	lapInput          // the gradient toward what the layer was given
	lapsOfLayer
)

const (
	lapMemory = iota // forward and backward
	lapLoss          // likewise
	lapRest          // running statistics, the look for values that are no numbers, and Adam
	lapsOnce
)

// stopwatch adds the time since its last lap to one of took; a nil took makes it stand still.
type stopwatch struct {
	took []time.Duration
	last time.Time
}

func (w *stopwatch) lap(i int) {
	if w.took == nil {
		return
	}
	now := time.Now()
	w.took[i] += now.Sub(w.last)
	w.last = now
}

// StepStage is a layer's share of a training step, or what it does beside the layers, in Other alone. Work is the
// number of floating-point operations of each of its products.
type StepStage struct {
	Name  string
	FLOPs float64
	// Other is batch norm and LeakyReLU where it is a layer.
	// Where the times of its pieces are in what StepTimed adds to; -1 for a piece that it has not.
	Forward, Weights, Input, Other int
}

// StepStages lists the parts of a step in the network's order.
func (s *Stepper) StepStages() []StepStage {
	var all []StepStage
	for i, b := range s.net.blocks {
		at := i * lapsOfLayer
		p := StepStage{Name: b.layer.Name, FLOPs: 2 * float64(b.conv.MACs()), Forward: at + lapForward, Weights: at +
			lapWeights, Input: at + lapInput}
		p.Other = at + lapNorm
		if b.back == nil {
			p.Input = -1
		}
		if b.norm == nil {
			p.Other = -1
		}
		all = append(all, p)
	}
	once := len(s.net.blocks) * lapsOfLayer
	for i, name := range []string{model.MemoryName, "loss", "Adam"} {
		if i != lapMemory || s.net.latent != nil {
			all = append(all, StepStage{Name: name, Forward: -1, Weights: -1, Input: -1, Other: once + i})
		}
	}
	return all
}

// StepTimers is the number of times that StepTimed tells.
func (s *Stepper) StepTimers() int { return len(s.net.blocks)*lapsOfLayer + lapsOnce }

// StepTimed is Step, and adds to took, of length Laps, how long each piece ran.
func (s *Stepper) StepTimed(took []time.Duration) error {
	w := s.net.stopwatch
	w.took, w.last = took, time.Now()
	err := s.Step()
	w.lap(len(s.net.blocks)*lapsOfLayer + lapRest)
	w.took = nil
	return err
}
