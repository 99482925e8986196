package model

import (
	"time"

	"vigil/model/kernel"
)

// NewWithSet prepares a model for the given kernel set; New uses the fastest.
func NewWithSet(w *Weights, set *kernel.Set) (*Model, error) { return newModel(w, set) }

// The kinds of a Stage.
const (
	Conv           = "conv"
	TransposedConv = "transposed conv"
	MemoryRead     = "memory"
	Windows        = "windows"
)

// Stage is a step of scoring a clip, with its cost.
type Stage struct {
	Name string // in the state dict; "windows" for the last stage, which searches the highest window
	Kind string
	// FLOPs counts the operations in convolutions and the memory's products, without taps on padding.
	FLOPs float64
	// Bytes is the least memory traffic: source and weights read once, the result written once.
	Bytes float64
}

// Stages lists what Score does, in order. The stages' FLOPs add up to the model's.
func (m *Model) Stages() []Stage {
	var parts []Stage
	for i := range m.layers {
		l, c := &m.layers[i], m.convs[i]
		p := Stage{
			Name: l.name, Kind: Conv, FLOPs: 2 * float64(c.MACs()),
			Bytes: 4 * float64(c.SrcLen()+c.DstLen()+27*l.in*l.out+l.out),
		}
		if l.transposed {
			p.Kind = TransposedConv
		}
		parts = append(parts, p)
		if l.memory {
			queries, width, slots := m.latentQueries(), m.spec.Channels[3], m.spec.Slots
			parts = append(parts, Stage{
				Name: memoryName, Kind: MemoryRead, FLOPs: 4 * float64(queries*slots*width),
				Bytes: 4 * float64(2*queries*width+slots*width),
			})
		}
	}
	if m.tail != nil {
		// The last two layers are fused: the map between them is never written to memory.
		first, last := parts[len(parts)-2], parts[len(parts)-1]
		between := 2 * 4 * float64(m.convs[len(m.convs)-1].SrcLen())
		parts = append(parts[:len(parts)-2], Stage{
			Name: first.Name + " + " + last.Name, Kind: TransposedConv, FLOPs: first.FLOPs + last.FLOPs,
			Bytes: first.Bytes + last.Bytes - between,
		})
	}
	// The last layer also reads the clip and writes the sums of its errors; the window search follows.
	area := 4 * float64(m.spec.Side*m.spec.Side)
	parts[len(parts)-1].Bytes += (Frames + 1) * area
	last := Stage{Name: Windows, Kind: Windows, Bytes: area}
	if m.background != nil {
		last.Bytes += (Frames + 3) * area
	}
	return append(parts, last)
}

// ScoreTimed is Score, and adds the duration of each of the model's Stages to took.
func (s *Scorer) ScoreTimed(x []float32, took []time.Duration) (Score, error) {
	last, part := time.Now(), 0
	s.onStage = func() {
		now := time.Now()
		took[part] += now.Sub(last)
		last = now
		part++
	}
	score, err := s.Score(x, nil)
	s.onStage = nil
	took[part] += time.Since(last)
	return score, err
}
