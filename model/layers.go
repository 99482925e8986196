package model

import "vigil/model/kernel"

// memoryName is the state dict's name of the memory's slots, [slots][width].
const memoryName = "mem_rep.memory.weight"

// layer is a row of the network's table: a (transposed) 3x3x3 convolution with its batch norm and LeakyReLU.
type layer struct {
	name       string // of the convolution in the state dict
	norm       string // of the batch norm; empty: neither it nor an activation follows
	activation string // of the LeakyReLU, which has no tensors
	transposed bool   // transposed
	strideT    int    // stride in time; in height and width it is always 2
	in         int    // channels
	out        int
	inT        int // frames
	inS        int // side
	outT       int
	outS       int
	memory     bool // the memory reads this layer's result before it goes on
}

// layers lists the network's layers from the clip to the reconstruction.
func (s Spec) layers() []layer {
	a, b, c, d := s.Channels[0], s.Channels[1], s.Channels[2], s.Channels[3]
	table := []layer{
		{name: "encoder.0", norm: "encoder.1", activation: "encoder.2", strideT: 1, in: 1, out: a},
		{name: "encoder.3", norm: "encoder.4", activation: "encoder.5", strideT: 2, in: a, out: b},
		{name: "encoder.6", norm: "encoder.7", activation: "encoder.8", strideT: 2, in: b, out: c},
		{
			name: "encoder.9", norm: "encoder.10", activation: "encoder.11", strideT: 2, in: c, out: d,
			memory: s.Slots > 0,
		},
		{name: "decoder.0", norm: "decoder.1", activation: "decoder.2", transposed: true, strideT: 2, in: d, out: c},
		{name: "decoder.3", norm: "decoder.4", activation: "decoder.5", transposed: true, strideT: 2, in: c, out: b},
		{name: "decoder.6", norm: "decoder.7", activation: "decoder.8", transposed: true, strideT: 2, in: b, out: a},
		{name: "decoder.9", transposed: true, strideT: 1, in: a, out: 1},
	}
	t, side := Frames, s.Side
	for i := range table {
		l := &table[i]
		l.inT, l.inS = t, side
		if l.transposed {
			t, side = t*l.strideT, side*2
		} else {
			t, side = t/l.strideT, side/2
		}
		l.outT, l.outS = t, side
	}
	return table
}

// axes are T, H and W of the layer's convolution.
func (l *layer) axes() [3]kernel.Axis { return convAxes(l.transposed, l.inT, l.inS, l.strideT) }

// weightShape is the shape in the state dict: (out, in, 3, 3, 3), or (in, out, 3, 3, 3) for a transposed convolution.
func (l *layer) weightShape() []int {
	if l.transposed {
		return []int{l.in, l.out, 3, 3, 3}
	}
	return []int{l.out, l.in, 3, 3, 3}
}

// weightStrides are the distances between two output channels and between two input channels of the weights.
func (l *layer) weightStrides() (out, in int) { return weightStrides(l.transposed, l.in, l.out) }

// slope is the LeakyReLU's negative slope; 1 if there is none.
func (l *layer) slope() float32 {
	if l.norm == "" {
		return 1
	}
	return 0.2
}
