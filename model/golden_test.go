package model

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vigil/model/kernel"
)

// golden is a file of the oracle: initial weights, a clip, and what every layer makes of it.
type golden struct {
	tensors map[string]Tensor
	weights *Weights
	clips   [][]float32
}

func readGolden(t *testing.T, addressing string) *golden {
	t.Helper()
	tensors, _, err := ReadSafetensors(filepath.Join("testdata", "golden-"+addressing+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Addressing = addressing
	g := &golden{tensors: tensors, weights: &Weights{Spec: spec, Tensors: map[string]Tensor{}}}
	for name, tensor := range tensors {
		if rest, ok := strings.CutPrefix(name, "init."); ok {
			g.weights.Tensors[rest] = tensor
		}
	}
	x := tensors["x"]
	for clip := range slices.Chunk(x.Float, len(x.Float)/x.Shape[0]) {
		g.clips = append(g.clips, clip)
	}
	return g
}

// eval returns clip n of an activation as the oracle recorded it, brought to channels-last, and the tensor's largest
// value.
func (g *golden) eval(t *testing.T, name string, n int) (values []float32, largest float64) {
	t.Helper()
	tensor, ok := g.tensors["eval."+name]
	if !ok {
		t.Fatalf("the golden file has no eval.%s", name)
	}
	for _, v := range tensor.Float {
		largest = max(largest, math.Abs(float64(v)))
	}
	size := len(tensor.Float) / len(g.clips)
	part := tensor.Float[n*size:][:size]
	if len(tensor.Shape) != 5 {
		return part, largest
	}
	channels := tensor.Shape[1]
	places := size / channels
	values = make([]float32, size)
	for c := range channels {
		for p := range places {
			values[p*channels+c] = part[c*places+p]
		}
	}
	return values, largest
}

// compare holds got against the oracle's record of clip n.
func (g *golden) compare(t *testing.T, name string, n int, got []float32) {
	t.Helper()
	want, largest := g.eval(t, name, n)
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	worst := 0.0
	for i := range got {
		// Comparing this way round catches a NaN.
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= 1e-5*largest) {
			t.Errorf("%s, clip %d: value %d is %v, want %v (largest %v)", name, n, i, got[i], want[i], largest)
			return
		} else if d > worst {
			worst = d
		}
	}
	t.Logf("%s, clip %d: worst difference %.2g of the largest value", name, n, worst/largest)
}

func eachGolden(t *testing.T, test func(t *testing.T, g *golden, set *kernel.Set)) {
	for _, addressing := range []string{Dot, Cosine} {
		for _, set := range kernel.Sets() {
			t.Run(addressing+"/"+set.Name, func(t *testing.T) { test(t, readGolden(t, addressing), set) })
		}
	}
}

// TestGoldenFolded runs the network that scores, whose batch norms are folded: what leaves each LeakyReLU, the memory
// and the last layer is the oracle's.
func TestGoldenFolded(t *testing.T) {
	eachGolden(t, func(t *testing.T, g *golden, set *kernel.Set) {
		m, err := newModel(g.weights, set)
		if err != nil {
			t.Fatal(err)
		}
		s := m.NewScorer(2)
		defer s.Close()
		for n, clip := range g.clips {
			seen := 0
			s.trace = func(name string, values []float32) {
				seen++
				g.compare(t, name, n, values)
			}
			score, err := s.Score(clip, nil)
			if err != nil {
				t.Fatal(err)
			}
			if seen != 9 {
				t.Errorf("%d results were traced, want 9", seen)
			}
			y, _ := g.eval(t, "decoder.9", n)
			want := 0.0
			for i := range y {
				want += math.Abs(float64(y[i])-float64(clip[i])) / float64(len(y))
			}
			if math.Abs(score.Error-want) > 1e-5*want {
				t.Errorf("clip %d: error %v, want %v", n, score.Error, want)
			}
		}
	})
}

// TestGoldenUnfolded runs the same kernels layer by layer without folding, and compares every
// activation that the oracle recorded: convolution, batch norm, LeakyReLU, memory and addressing.
func TestGoldenUnfolded(t *testing.T) {
	eachGolden(t, func(t *testing.T, g *golden, set *kernel.Set) {
		pool := kernel.NewPool(2)
		defer pool.Close()
		compared := map[string]bool{}
		for n, clip := range g.clips {
			src := clip
			check := func(name string, values []float32) {
				g.compare(t, name, n, values)
				compared["eval."+name] = true
			}
			for _, l := range g.weights.Spec.layers() {
				src = g.layer(pool, set, &l, src, check)
				if l.memory {
					src = g.memory(t, pool, set, n, src, check)
				}
			}
		}
		for name := range g.tensors {
			if strings.HasPrefix(name, "eval.") && !compared[name] {
				t.Errorf("%s was not compared", name)
			}
		}
	})
}

func (g *golden) layer(pool *kernel.Pool, set *kernel.Set, l *layer, src []float32,
	check func(string, []float32),
) []float32 {
	c := kernel.NewConv(set, l.axes(), l.in, l.out, 1)
	out, in := l.weightStrides()
	c.Pack(g.weights.Tensors[l.name+".weight"].Float, out, in, g.weights.Tensors[l.name+".bias"].Float)
	dst := make([]float32, c.DstLen())
	c.Run(pool, dst, src)
	check(l.name, dst)
	if l.norm == "" {
		return dst
	}
	part := func(name string) []float32 { return g.weights.Tensors[l.norm+"."+name].Float }
	gamma, beta, mean, variance := part("weight"), part("bias"), part("running_mean"), part("running_var")
	for i, v := range dst {
		o := i % l.out
		dst[i] = (v-mean[o])/float32(math.Sqrt(float64(variance[o])+normEpsilon))*gamma[o] + beta[o]
	}
	check(l.norm, dst)
	for i, v := range dst {
		if v < 0 {
			dst[i] = v * l.slope()
		}
	}
	check(l.activation, dst)
	return dst
}

func (g *golden) memory(t *testing.T, pool *kernel.Pool, set *kernel.Set, n int, src []float32,
	check func(string, []float32),
) []float32 {
	t.Helper()
	s := g.weights.Spec
	queries := len(src) / s.Channels[3]
	dst, w := make([]float32, len(src)), make([]float32, queries*s.Slots)
	m := kernel.NewMemory(set, s.Slots, s.Channels[3], 0, s.Addressing == Cosine)
	m.Pack(g.weights.Tensors[memoryName].Float)
	m.Run(pool, dst, src, queries, w)
	soft := slices.Clone(w)
	m = kernel.NewMemory(set, s.Slots, s.Channels[3], float32(s.Lambda), s.Addressing == Cosine)
	m.Pack(g.weights.Tensors[memoryName].Float)
	m.Run(pool, dst, src, queries, w)
	// Just at the threshold the last bit of a softmax decides between a weight and none.
	want, _ := g.eval(t, "mem_rep.weights", n)
	for i := range soft {
		if math.Abs(float64(soft[i])-s.Lambda) <= 1e-5*s.Lambda {
			t.Logf("addressing weight %d lies at the threshold", i)
			w[i] = want[i]
		}
	}
	check("mem_rep.weights", w)
	check("mem_rep", dst)
	return dst
}
