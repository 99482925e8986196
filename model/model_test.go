package model

import (
	"math"
	"testing"
)

// TestFold folds batch norms with unusual statistics, including a variance of 0, and compares a weight and the bias of
// every channel with the definition.
func TestFold(t *testing.T) {
	w := readGolden(t, Dot).weights
	for _, l := range w.Spec.layers() {
		if l.norm == "" {
			continue
		}
		part := func(name string) []float32 { return w.Tensors[l.norm+"."+name].Float }
		for o := range l.out {
			part("running_var")[o] = float32(o) * 1e-5
			part("running_mean")[o] = float32(o) - 2
			part("weight")[o] = 3 - float32(o)
			part("bias")[o] = float32(o) * 10
		}
		weight, bias := w.fold(&l)
		plain, shift := w.Tensors[l.name+".weight"].Float, w.Tensors[l.name+".bias"].Float
		outStride, inStride := l.weightStrides()
		for o := range l.out {
			scale := (3 - float64(o)) / math.Sqrt(float64(o)*1e-5+1e-5)
			at := o*outStride + (l.in-1)*inStride + 26
			if want := float64(plain[at]) * scale; math.Abs(float64(weight[at])-want) > 1e-5*math.Abs(want) {
				t.Errorf("%s, channel %d: weight %v, want %v", l.name, o, weight[at], want)
			}
			want := (float64(shift[o])-(float64(o)-2))*scale + float64(o)*10
			if math.Abs(float64(bias[o])-want) > 1e-5*math.Abs(want) {
				t.Errorf("%s, channel %d: bias %v, want %v", l.name, o, bias[o], want)
			}
		}
	}
}
