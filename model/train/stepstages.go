package train

import (
	"time"

	"vigil/model"
)

// The timed pieces of a layer in a training step, followed by those that occur once per step.
const (
	partForward = iota // the convolution
	partNorm           // batch norm and LeakyReLU, forward and backward
	partWeights        // the gradient of the weights
	partInput          // the input gradient
	partsPerLayer
)

const (
	partMemory = iota // forward and backward
	partLoss          // likewise
	partRest          // running statistics, the check for finite values, and Adam
	partsOnce
)

// stopwatch adds the time since the end of the last part to an entry of took; with a nil took it does nothing.
type stopwatch struct {
	took []time.Duration
	last time.Time
}

func (w *stopwatch) endPart(i int) {
	if w.took == nil {
		return
	}
	now := time.Now()
	w.took[i] += now.Sub(w.last)
	w.last = now
}

// StepStage is a layer in a training step, or work outside of the layers, which has only Other. FLOPs is the number of
// floating-point operations of each of its products.
type StepStage struct {
	Name  string
	FLOPs float64
	// Indices of the stage's times in StepTimed's took; -1 if the stage has no such piece. Other is batch norm and
	// LeakyReLU for a layer.
	Forward, Weights, Input, Other int
}

// StepStages lists the stages of a step in the network's order.
func (s *Stepper) StepStages() []StepStage {
	var all []StepStage
	for i, b := range s.net.blocks {
		at := i * partsPerLayer
		p := StepStage{Name: b.layer.Name, FLOPs: 2 * float64(b.conv.MACs()), Forward: at + partForward, Weights: at +
			partWeights, Input: at + partInput}
		p.Other = at + partNorm
		if b.back == nil {
			p.Input = -1
		}
		if b.norm == nil {
			p.Other = -1
		}
		all = append(all, p)
	}
	once := len(s.net.blocks) * partsPerLayer
	for i, name := range []string{model.MemoryName, "loss", "Adam"} {
		if i != partMemory || s.net.latent != nil {
			all = append(all, StepStage{Name: name, Forward: -1, Weights: -1, Input: -1, Other: once + i})
		}
	}
	return all
}

// StepTimers is the length of StepTimed's took.
func (s *Stepper) StepTimers() int { return len(s.net.blocks)*partsPerLayer + partsOnce }

// StepTimed is Step, and adds the duration of each piece to took, of length StepTimers.
func (s *Stepper) StepTimed(took []time.Duration) error {
	w := s.net.stopwatch
	w.took, w.last = took, time.Now()
	err := s.Step()
	w.endPart(len(s.net.blocks)*partsPerLayer + partRest)
	w.took = nil
	return err
}
