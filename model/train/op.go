package train

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// fused is a node's work in Gorgonia's graph: a whole block of the network, forward or backward, that writes into
// buffers of its own. All its values are vectors of float32, or a scalar.
type fused struct {
	name  string // unique in the graph: nodes that hash alike become one
	arity int
	shape tensor.Shape // of the result
	// scalarFirst says that the first input is a scalar, as the gradient toward the loss is.
	scalarFirst bool
	run         func(in [][]float32) (G.Value, error)
	// wrt says toward which inputs there is a gradient, and back makes its nodes; nil where there is none.
	wrt  []bool
	back func(inputs G.Nodes, grad *G.Node) (G.Nodes, error)
}

// vector is a value that owns its memory; a node's Do may return it again and again.
func vector(values []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(values)), tensor.WithBacking(values))
}

// Arity is the number of inputs.
func (f *fused) Arity() int { return f.arity }

// Type is that of the inputs, vectors but for a scalar that scalarFirst speaks of, and of the result.
func (f *fused) Type() hm.Type {
	values := G.TensorType{Dims: 1, Of: G.Float32}
	types := make([]hm.Type, f.arity, f.arity+1)
	for i := range types {
		types[i] = values
		if i == 0 && f.scalarFirst {
			types[i] = G.Float32
		}
	}
	if f.shape.IsScalar() {
		return hm.NewFnType(append(types, G.Float32)...)
	}
	return hm.NewFnType(append(types, values)...)
}

// InferShape is the result's shape, which was fixed when the network was planned.
func (f *fused) InferShape(...G.DimSizer) (tensor.Shape, error) { return f.shape, nil }

// Do runs the work. Gorgonia calls it on a goroutine of its own, where a panic would end the process.
func (f *fused) Do(values ...G.Value) (result G.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, fmt.Errorf("%s: %v", f.name, r)
		}
	}()
	in := make([][]float32, len(values))
	for i, v := range values {
		switch data := v.Data().(type) {
		case []float32:
			in[i] = data
		case float32:
			in[i] = []float32{data}
		default:
			return nil, fmt.Errorf("%s: input %d is %T, not float32", f.name, i, data)
		}
	}
	return f.run(in)
}

// ReturnsPtr says that the result is memory that stays.
func (f *fused) ReturnsPtr() bool { return true }

// CallsExtern says that nothing leaves this process's own code.
func (f *fused) CallsExtern() bool { return false }

// OverwritesInput says that the result lies in no input.
func (f *fused) OverwritesInput() int { return -1 }

// WriteHash tells this node from all others of its graph.
func (f *fused) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(f.name)) }

// Hashcode is WriteHash's.
func (f *fused) Hashcode() uint32 {
	h := fnv.New32a()
	f.WriteHash(h)
	return h.Sum32()
}

// String is the name.
func (f *fused) String() string { return f.name }

// DiffWRT says toward which inputs there is a gradient.
func (f *fused) DiffWRT(inputs int) []bool {
	if f.wrt == nil {
		return make([]bool, inputs)
	}
	return f.wrt
}

// SymDiff makes the nodes of the gradients.
func (f *fused) SymDiff(inputs G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	if f.back == nil {
		return nil, fmt.Errorf("%s has no gradient", f.name)
	}
	return f.back(inputs, grad)
}

// bufferNode is a node that hands out a buffer which the node before it has filled: one backward pass has several results.
func bufferNode(name string, buffer []float32, after *G.Node) (*G.Node, error) {
	value := vector(buffer)
	return G.ApplyOp(&fused{
		name: name, arity: 1, shape: tensor.Shape{len(buffer)},
		run: func([][]float32) (G.Value, error) { return value, nil },
	}, after)
}
