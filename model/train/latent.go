package train

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vigil/model"
	"vigil/model/kernel"
)

// latent is the memory's read as one forward and one backward node. The gradient of the entropy is added here: its
// factor in the loss is constant, so the graph stays a chain.
type latent struct {
	pool    *kernel.Pool
	memory  *kernel.Memory
	grad    *kernel.MemoryGrad
	queries int
	slots   int
	entropy float64 // its factor in the loss

	read, weights []float32 // [queries][width], [queries][slots]
	dz, dSlots    []float32
	onPart        func()
}

func newLatent(set *kernel.Set, pool *kernel.Pool, spec model.Spec, queries int, entropy float64,
	onPart func(),
) *latent {
	width := spec.Channels[3]
	l := &latent{pool: pool, queries: queries, slots: spec.Slots, entropy: entropy, onPart: onPart}
	l.memory = kernel.NewMemory(set, spec.Slots, width, float32(spec.Lambda), spec.Addressing == model.Cosine)
	l.memory.Reserve(pool)
	l.grad = kernel.NewMemoryGrad(set, l.memory, queries)
	l.read, l.weights = make([]float32, queries*width), make([]float32, queries*spec.Slots)
	l.dz, l.dSlots = make([]float32, queries*width), make([]float32, spec.Slots*width)
	return l
}

func (l *latent) apply(z, slots *G.Node) (*G.Node, error) {
	result := vector(l.read)
	return G.ApplyOp(&fused{
		name: "memory forward", arity: 2, shape: tensor.Shape{len(l.read)},
		run: func(in [][]float32) (G.Value, error) {
			l.memory.Pack(in[1])
			l.memory.Run(l.pool, l.read, in[0], l.queries, l.weights)
			l.onPart()
			return result, nil
		},
		wrt:  []bool{true, true},
		back: l.gradients,
	}, z, slots)
}

func (l *latent) gradients(inputs G.Nodes, grad *G.Node) (G.Nodes, error) {
	result := vector(l.dz)
	node, err := G.ApplyOp(&fused{
		name: "memory backward", arity: 3, shape: tensor.Shape{len(l.dz)},
		run: func(in [][]float32) (G.Value, error) {
			l.grad.Run(l.pool, l.dz, l.dSlots, in[0], in[1], in[2], l.weights, l.entropy)
			l.onPart()
			return result, nil
		},
	}, append(G.Nodes{grad}, inputs...)...)
	if err != nil {
		return nil, err
	}
	slots, err := bufferNode("memory gradient", l.dSlots, node)
	return G.Nodes{node, slots}, err
}

// markUsedSlots marks the slots with a nonzero addressing weight, and returns the number of queries whose weights are
// all zero.
func (l *latent) markUsedSlots(used []bool) (zeroRows int) {
	for q := range l.queries {
		zero := true
		for s, w := range l.weights[q*l.slots:][:l.slots] {
			if w != 0 {
				zero, used[s] = false, true
			}
		}
		if zero {
			zeroRows++
		}
	}
	return zeroRows
}
