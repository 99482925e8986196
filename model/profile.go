package model

import (
	"time"

	"vigil/model/kernel"
)

// NewWithSet makes weights ready for one of the kernel's Sets; New takes the best.
func NewWithSet(w *Weights, set *kernel.Set) (*Model, error) { return newModel(w, set) }

// The kinds of a Stage.
const (
	Conv           = "conv"
	TransposedConv = "transposed conv"
	MemoryRead     = "memory"
	Windows        = "windows"
)

// Stage is a step of scoring a clip and what it costs on any machine.
type Stage struct {
	Name string // in the state dict; "windows" for the last, which looks for the highest score
	Kind string
	// FLOPs is the number of floating-point operations in convolutions and the memory's products, taps on padding not
	// counted.
	FLOPs float64
	// Bytes is the least that must be moved: the source and the weights once in, the result once out.
	Bytes float64
}

// Stages lists what Score does, in its order. The parts' Work adds up to the model's.
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
			queries, width, slots := m.queries(), m.spec.Channels[3], m.spec.Slots
			parts = append(parts, Stage{
				Name: memoryName, Kind: MemoryRead, FLOPs: 4 * float64(queries*slots*width),
				Bytes: 4 * float64(2*queries*width+slots*width),
			})
		}
	}
	if m.tail != nil {
		// The last two layers are one step, and the map between them is never in memory.
		first, last := parts[len(parts)-2], parts[len(parts)-1]
		between := 2 * 4 * float64(m.convs[len(m.convs)-1].SrcLen())
		parts = append(parts[:len(parts)-2], Stage{
			Name: first.Name + " + " + last.Name, Kind: TransposedConv, FLOPs: first.FLOPs + last.FLOPs,
			Bytes: first.Bytes + last.Bytes - between,
		})
	}
	// The last layer reads the clip once more and leaves the sums of its errors; what comes after it looks for the
	// highest window.
	area := 4 * float64(m.spec.Side*m.spec.Side)
	parts[len(parts)-1].Bytes += (Frames + 1) * area
	last := Stage{Name: Windows, Kind: Windows, Bytes: area}
	if m.background != nil {
		last.Bytes += (Frames + 3) * area
	}
	return append(parts, last)
}

// ScoreTimed is Score, and adds to took, one for each of the model's Parts, how long that part ran.
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
