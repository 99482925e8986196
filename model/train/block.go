package train

import (
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vigil/model"
	"vigil/model/kernel"
)

// block is a layer of the network as one forward and one backward node: convolution, batch norm and LeakyReLU.
type block struct {
	layer  model.Layer
	batch  int
	pool   *kernel.Pool
	conv   *kernel.Conv
	back   *kernel.Conv // input gradient; nil for the first layer, whose input is the clip
	grad   *kernel.WeightGrad
	norm   *kernel.Norm // nil if the layer has none
	onPart func(piece int)

	u, y                          []float32 // [batch][T][S][S][out]: before and after batch norm and LeakyReLU
	dx                            []float32 // [batch][T][S][S][in]
	dWeight, dBias, dGamma, dBeta []float32
}

// newBlock plans a block, which calls onPart after each of a layer's parts.
func newBlock(set *kernel.Set, pool *kernel.Pool, layer model.Layer, batch int, first bool,
	onPart func(piece int),
) *block {
	b := &block{layer: layer, batch: batch, pool: pool, onPart: onPart}
	b.conv = kernel.NewConv(set, layer.Axes(), layer.In, layer.Out, 1)
	b.y = make([]float32, batch*b.conv.DstLen())
	b.u = b.y
	large, small, down := layer.In, layer.Out, layer.Axes()
	if layer.Transposed {
		large, small, down = layer.Out, layer.In, layer.BackAxes()
	}
	b.grad = kernel.NewWeightGrad(set, down, large, small)
	b.dWeight, b.dBias = make([]float32, b.grad.Len()), make([]float32, layer.Out)
	if !first {
		b.back = kernel.NewConv(set, layer.BackAxes(), layer.Out, layer.In, 1)
		b.dx = make([]float32, batch*b.conv.SrcLen())
	}
	if layer.Norm != "" {
		b.u = make([]float32, len(b.y))
		b.norm = kernel.NewNorm(set, len(b.y)/layer.Out, layer.Out, layer.Slope, model.NormEpsilon)
		b.dGamma, b.dBeta = make([]float32, layer.Out), make([]float32, layer.Out)
	}
	return b
}

// apply adds the block to the graph. params are weight and bias, and with a batch norm also its gamma and beta.
func (b *block) apply(src *G.Node, params G.Nodes) (*G.Node, error) {
	result := vector(b.y)
	wrt := slices.Repeat([]bool{true}, 1+len(params))
	wrt[0] = b.back != nil
	return G.ApplyOp(&fused{
		name: b.layer.Name + " forward", arity: 1 + len(params), shape: tensor.Shape{len(b.y)},
		run: func(in [][]float32) (G.Value, error) {
			b.forward(in[0], in[1:])
			return result, nil
		},
		wrt:  wrt,
		back: b.gradients,
	}, append(G.Nodes{src}, params...)...)
}

func (b *block) forward(src []float32, params [][]float32) {
	out, in := b.layer.WeightStrides()
	b.conv.PackParallel(b.pool, params[0], out, in, params[1])
	from, to := b.conv.SrcLen(), b.conv.DstLen()
	for clip := range b.batch {
		b.conv.Run(b.pool, b.u[clip*to:], src[clip*from:])
	}
	b.onPart(partForward)
	if b.norm != nil {
		b.norm.Forward(b.pool, b.y, b.u, params[2], params[3])
		b.onPart(partNorm)
	}
}

// gradients makes the nodes of the gradients of the block's inputs.
func (b *block) gradients(inputs G.Nodes, grad *G.Node) (G.Nodes, error) {
	buffer := b.dx
	if b.back == nil {
		buffer = b.dWeight
	}
	result := vector(buffer)
	node, err := G.ApplyOp(&fused{
		name: b.layer.Name + " backward", arity: 1 + len(inputs), shape: tensor.Shape{len(buffer)},
		run: func(in [][]float32) (G.Value, error) {
			b.backward(in[0], in[1], in[2:])
			return result, nil
		},
	}, append(G.Nodes{grad}, inputs...)...)
	if err != nil {
		return nil, err
	}
	all := G.Nodes{nil}
	if b.back != nil {
		all[0] = node
	}
	for i, buffer := range [][]float32{b.dWeight, b.dBias, b.dGamma, b.dBeta}[:len(inputs)-1] {
		one, err := bufferNode(b.layer.Name+" gradient "+string(rune('0'+i)), buffer, node)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// backward computes all gradients. d, the gradient of the result, is overwritten: nothing else reads it, and a second
// buffer of its size would be the largest of all. A bias before a batch norm has no effect, since the mean is
// subtracted; its gradient stays 0.
func (b *block) backward(d, src []float32, params [][]float32) {
	if b.norm != nil {
		b.norm.Backward(b.pool, d, b.u, params[2], b.dGamma, b.dBeta)
		b.onPart(partNorm)
	} else {
		b.dBias[0] = float32(kernel.Sum(b.pool, d))
	}
	if b.layer.Transposed {
		b.grad.Run(b.pool, b.dWeight, d, src, b.batch)
	} else {
		b.grad.Run(b.pool, b.dWeight, src, d, b.batch)
	}
	b.onPart(partWeights)
	if b.back == nil {
		return
	}
	out, in := b.layer.WeightStrides()
	b.back.PackParallel(b.pool, params[0], in, out, nil)
	from, to := b.back.SrcLen(), b.back.DstLen()
	for clip := range b.batch {
		b.back.Run(b.pool, b.dx[clip*to:], d[clip*from:])
	}
	b.onPart(partInput)
}
