package model

import "vigil/model/kernel"

// MemoryName is the state dict's name of the memory's slots, [Slots][Channels[3]].
const MemoryName = memoryName

// NormEpsilon is the epsilon of the batch norms.
const NormEpsilon = normEpsilon

// Layer is a row of the network's table, for packages that run it layer by layer: a (transposed) 3x3x3 convolution with
// its batch norm and LeakyReLU.
type Layer struct {
	Name       string // of the convolution in the state dict
	Norm       string // of the batch norm; empty: neither it nor a LeakyReLU follows
	Activation string // of the LeakyReLU, which has no tensors
	Transposed bool   // transposed
	// In and Out are channels; the maps are [T][S][S][channels].
	In, Out     int
	InT, InS    int
	OutT, OutS  int
	StrideT     int     // stride in time; in height and width it is 2
	Slope       float32 // the LeakyReLU's negative slope; 1 if there is none
	MemoryAfter bool    // the memory reads this layer's result before it goes on
}

// Layers lists the network's layers from the clip to the reconstruction.
func (s Spec) Layers() []Layer {
	rows := s.layers()
	out := make([]Layer, len(rows))
	for i := range rows {
		l := &rows[i]
		out[i] = Layer{
			Name: l.name, Norm: l.norm, Activation: l.activation, Transposed: l.transposed, In: l.in, Out: l.out,
			InT: l.inT, InS: l.inS,
			OutT: l.outT, OutS: l.outS,
			StrideT: l.strideT, Slope: l.slope(), MemoryAfter: l.memory,
		}
	}
	return out
}

// Axes are T, H and W of the layer's convolution.
func (l *Layer) Axes() [3]kernel.Axis {
	return convAxes(l.Transposed, l.InT, l.InS, l.StrideT)
}

// BackAxes are T, H and W of the gradient with respect to the layer's input, a convolution of the opposite kind.
func (l *Layer) BackAxes() [3]kernel.Axis {
	return convAxes(!l.Transposed, l.OutT, l.OutS, l.StrideT)
}

func convAxes(transposed bool, t, side, strideT int) [3]kernel.Axis {
	axis := kernel.ConvAxis
	if transposed {
		axis = kernel.TransposedConvAxis
	}
	return [3]kernel.Axis{axis(t, strideT), axis(side, 2), axis(side, 2)}
}

// WeightStrides are the distances between two output channels and between two input channels in the state dict's
// weights: (out, in, 3, 3, 3), or (in, out, 3, 3, 3) for a transposed convolution.
func (l *Layer) WeightStrides() (out, in int) { return weightStrides(l.Transposed, l.In, l.Out) }

func weightStrides(transposed bool, inChannels, outChannels int) (out, in int) {
	if transposed {
		return 27, 27 * outChannels
	}
	return 27 * inChannels, 27
}

// TensorNames lists the tensors of a network in the order of its layers. learned[i] is false for batch norms' running
// statistics and counters, and for the Background.
func (s Spec) TensorNames() (names []string, learned []bool) {
	running := map[string]bool{Background: true}
	for _, l := range s.layers() {
		for _, part := range []string{".running_mean", ".running_var", ".num_batches_tracked"} {
			if l.norm != "" {
				running[l.norm+part] = true
			}
		}
	}
	for _, w := range s.tensorSpecs() {
		names, learned = append(names, w.name), append(learned, !running[w.name])
	}
	return names, learned
}
