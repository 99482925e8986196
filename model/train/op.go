package train

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// fused is a node in Gorgonia's graph: a whole block of the network, forward or backward, that writes to its own
// buffers. All its values are vectors of float32, or a scalar.
type fused struct {
	name  string // unique in the graph, since nodes with equal hashes are merged
	arity int
	shape tensor.Shape // of the result
	// scalarFirst marks the first input as a scalar, as the gradient of the loss is.
	scalarFirst bool
	run         func(in [][]float32) (G.Value, error)
	// wrt marks the inputs that have a gradient, and back makes the gradients' nodes; nil if there are none.
	wrt  []bool
	back func(inputs G.Nodes, grad *G.Node) (G.Nodes, error)
}

// vector is a value that owns its memory; a node's Do may return it repeatedly.
func vector(values []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(values)), tensor.WithBacking(values))
}

// Arity is the number of inputs.
func (f *fused) Arity() int { return f.arity }

// Type is the type of the inputs (vectors, or a scalar with scalarFirst) and of the result.
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

// InferShape is the result's shape, which is fixed when the network is planned.
func (f *fused) InferShape(...G.DimSizer) (tensor.Shape, error) { return f.shape, nil }

// Do runs the node. Gorgonia calls it on its own goroutine, where a panic would end the process.
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

// ReturnsPtr reports that the result's memory is reused.
func (f *fused) ReturnsPtr() bool { return true }

// CallsExtern reports that no external code is called.
func (f *fused) CallsExtern() bool { return false }

// OverwritesInput reports that the result overwrites no input.
func (f *fused) OverwritesInput() int { return -1 }

// WriteHash writes the node's unique name.
func (f *fused) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(f.name)) }

// Hashcode is the hash of WriteHash.
func (f *fused) Hashcode() uint32 {
	h := fnv.New32a()
	f.WriteHash(h)
	return h.Sum32()
}

// String is the name.
func (f *fused) String() string { return f.name }

// DiffWRT marks the inputs that have a gradient.
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

// bufferNode is a node that returns a buffer filled by the node before it: one backward pass has several results.
func bufferNode(name string, buffer []float32, after *G.Node) (*G.Node, error) {
	value := vector(buffer)
	return G.ApplyOp(&fused{
		name: name, arity: 1, shape: tensor.Shape{len(buffer)},
		run: func([][]float32) (G.Value, error) { return value, nil },
	}, after)
}
