package train

import (
	"fmt"
	"maps"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"vigil/model"
	"vigil/model/kernel"
)

// momentum is the weight of a batch in the running statistics, PyTorch's default.
const momentum = 0.1

// parameter is a learned tensor.
type parameter struct {
	name   string
	values []float32 // the node's own memory
	node   *G.Node
}

// gradient is the gradient accumulated since Adam last cleared it.
func (p *parameter) gradient() ([]float32, error) {
	v, err := p.node.Grad()
	if err != nil {
		return nil, fmt.Errorf("gradient of %s: %w", p.name, err)
	}
	g, ok := v.Data().([]float32)
	if !ok || len(g) != len(p.values) {
		return nil, fmt.Errorf("gradient of %s is %T", p.name, v.Data())
	}
	return g, nil
}

// network is MemAE in training: Gorgonia's graph for a fixed batch size, and the buffers of its nodes.
type network struct {
	spec      model.Spec
	batch     int
	pool      *kernel.Pool
	machine   G.VM
	x, mask   []float32 // [batch][16][S][S] and [batch][S][S]: the inputs, written before each run
	params    []*parameter
	tensors   map[string]model.Tensor // the state dict: parameters and running statistics
	blocks    []*block
	latent    *latent // nil without a memory
	loss      *objective
	stopwatch *stopwatch
}

// newNetwork plans a network with a copy of the given weights. close must be called.
func newNetwork(w *model.Weights, batch, threads int, entropy, limit float64) (*network, error) {
	return newNetworkWithSet(kernel.BestSet(), w, batch, threads, entropy, limit)
}

// newNetworkWithSet is newNetwork with the given kernel set.
func newNetworkWithSet(set *kernel.Set, w *model.Weights, batch, threads int, entropy, limit float64) (*network,
	error,
) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	side := w.Spec.Side
	n := &network{
		spec: w.Spec, batch: batch, pool: kernel.NewPool(threads), tensors: copyTensors(w.Tensors),
		stopwatch: &stopwatch{},
	}
	n.x, n.mask = make([]float32, batch*model.Frames*side*side), make([]float32, batch*side*side)
	if err := n.build(set, entropy, limit); err != nil {
		n.pool.Close()
		return nil, err
	}
	return n, nil
}

func copyTensors(from map[string]model.Tensor) map[string]model.Tensor {
	all := maps.Clone(from)
	for name, t := range all {
		all[name] = model.Tensor{Shape: slices.Clone(t.Shape), Float: slices.Clone(t.Float), Int: slices.Clone(t.Int)}
	}
	return all
}

func (n *network) close() { n.pool.Close() }

func (n *network) build(set *kernel.Set, entropy, limit float64) error {
	g := G.NewGraph()
	input := func(name string, values []float32) *G.Node {
		return G.NewVector(g, tensor.Float32, G.WithShape(len(values)), G.WithName(name), G.WithValue(vector(values)))
	}
	nodes := map[string]*G.Node{}
	names, learned := n.spec.TensorNames()
	var wrt G.Nodes
	for i, name := range names {
		if learned[i] {
			p := &parameter{name: name, values: n.tensors[name].Float}
			p.node = input(name, p.values)
			n.params = append(n.params, p)
			nodes[name] = p.node
			wrt = append(wrt, p.node)
		}
	}
	x, mask := input("clips", n.x), input("mask", n.mask)
	at := x
	var err error
	layers := n.spec.Layers()
	once := func(piece int) func() {
		return func() { n.stopwatch.endPart(len(layers)*partsPerLayer + piece) }
	}
	for i, l := range layers {
		b := newBlock(set, n.pool, l, n.batch, i == 0, func(piece int) { n.stopwatch.endPart(i*partsPerLayer + piece) })
		n.blocks = append(n.blocks, b)
		params := G.Nodes{nodes[l.Name+".weight"], nodes[l.Name+".bias"]}
		if l.Norm != "" {
			params = append(params, nodes[l.Norm+".weight"], nodes[l.Norm+".bias"])
		}
		if at, err = b.apply(at, params); err != nil {
			return err
		}
		if l.MemoryAfter {
			n.latent = newLatent(set, n.pool, n.spec, n.batch*l.OutT*l.OutS*l.OutS, entropy, once(partMemory))
			if at, err = n.latent.apply(at, nodes[model.MemoryName]); err != nil {
				return err
			}
		}
	}
	n.loss = newObjective(n.pool, n.latent, n.batch, model.Frames, n.spec.Side*n.spec.Side, limit, once(partLoss))
	loss, err := n.loss.apply(at, x, mask)
	if err != nil {
		return err
	}
	if _, err := G.Grad(loss, wrt...); err != nil {
		return err
	}
	n.machine = G.NewTapeMachine(g, G.BindDualValues(wrt...))
	return nil
}

// run does a forward and a backward pass over the batch in x and mask.
func (n *network) run() error {
	n.machine.Reset()
	return n.machine.RunAll()
}

// updateRunningStats moves the running statistics toward those of the last batch, as PyTorch does.
func (n *network) updateRunningStats() {
	for _, b := range n.blocks {
		if b.norm == nil {
			continue
		}
		mean, variance := n.tensors[b.layer.Norm+".running_mean"].Float, n.tensors[b.layer.Norm+".running_var"].Float
		pixels := float64(len(b.y) / b.layer.Out)
		// Bessel's correction.
		unbiased := pixels / max(pixels-1, 1)
		for c := range mean {
			mean[c] = float32((1-momentum)*float64(mean[c]) + momentum*b.norm.Mean[c])
			variance[c] = float32((1-momentum)*float64(variance[c]) + momentum*unbiased*b.norm.Var[c])
		}
		n.tensors[b.layer.Norm+".num_batches_tracked"].Int[0]++
	}
}

// weights is a copy of the learned weights.
func (n *network) weights() *model.Weights {
	return &model.Weights{Spec: n.spec, Tensors: copyTensors(n.tensors)}
}
