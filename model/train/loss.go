package train

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vigil/model/kernel"
)

// objective is the loss as one node: masked mean squared error plus the addressing's entropy.
type objective struct {
	pool   *kernel.Pool
	loss   *kernel.Loss
	latent *latent // nil without a memory
	dy     []float32
	onPart func()

	total, square, entropy float64 // of the last forward pass; total is square + factor·entropy
}

func newObjective(pool *kernel.Pool, l *latent, clips, frames, area int, limit float64, onPart func()) *objective {
	return &objective{
		pool: pool, latent: l, loss: kernel.NewLoss(clips, frames, area, float32(limit)),
		dy:     make([]float32, clips*frames*area),
		onPart: onPart,
	}
}

func (o *objective) apply(y, x, mask *G.Node) (*G.Node, error) {
	return G.ApplyOp(&fused{
		name: "loss forward", arity: 3, shape: tensor.ScalarShape(),
		run: func(in [][]float32) (G.Value, error) {
			o.square = o.loss.Forward(o.pool, in[0], in[1], in[2])
			o.total = o.square
			if o.latent != nil {
				o.entropy = kernel.Entropy(o.pool, o.latent.weights, o.latent.slots)
				o.total += o.latent.entropy * o.entropy
			}
			o.onPart()
			return G.NewF32(float32(o.total)), nil
		},
		wrt:  []bool{true, false, false},
		back: o.gradients,
	}, y, x, mask)
}

func (o *objective) gradients(inputs G.Nodes, grad *G.Node) (G.Nodes, error) {
	result := vector(o.dy)
	node, err := G.ApplyOp(&fused{
		name: "loss backward", arity: 4, scalarFirst: true, shape: tensor.Shape{len(o.dy)},
		run: func(in [][]float32) (G.Value, error) {
			o.loss.Backward(o.pool, o.dy, in[1], in[2], in[3], float64(in[0][0]))
			o.onPart()
			return result, nil
		},
	}, append(G.Nodes{grad}, inputs...)...)
	return G.Nodes{node, nil, nil}, err
}
