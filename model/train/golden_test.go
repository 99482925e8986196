package train

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"vigil/model"
	"vigil/model/kernel"
)

// oracle is a golden file of PyTorch: initial weights, a batch, the first training step's activations and gradients,
// the losses of ten steps of Adam, and the weights after them.
type oracle struct {
	tensors map[string]model.Tensor
	spec    model.Spec
	batch   int
	set     *kernel.Set
}

func readOracle(t *testing.T, addressing string) *oracle {
	t.Helper()
	tensors, _, err := model.ReadSafetensors(filepath.Join("..", "testdata", "golden-"+addressing+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Addressing = addressing
	return &oracle{tensors: tensors, spec: spec, batch: tensors["x"].Shape[0]}
}

func (o *oracle) weights(prefix string) *model.Weights {
	w := &model.Weights{Spec: o.spec, Tensors: map[string]model.Tensor{}}
	for name, tensor := range o.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			w.Tensors[rest] = tensor
		}
	}
	return w
}

// network is a network with the oracle's weights and batch.
func (o *oracle) network(t *testing.T, threads int) *network {
	t.Helper()
	n, err := newNetworkWithSet(o.set, o.weights("init."), o.batch, threads, 2e-4, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	copy(n.x, o.tensors["x"].Float)
	return n
}

// compare compares got with the oracle's tensor, within a share of its largest value. The oracle's activations are
// channels-first, ours channels-last.
func (o *oracle) compare(t *testing.T, name string, got []float32, share float64) {
	t.Helper()
	tensor, ok := o.tensors[name]
	if !ok {
		t.Errorf("the oracle has no %s", name)
		return
	}
	want := tensor.Float
	if strings.HasPrefix(name, "train.") && len(tensor.Shape) == 5 {
		want = make([]float32, len(tensor.Float))
		channels := tensor.Shape[1]
		positions := len(want) / o.batch / channels
		for i, v := range tensor.Float {
			clip, c, p := i/positions/channels, i/positions%channels, i%positions
			want[(clip*positions+p)*channels+c] = v
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	var largest, worst float64
	for _, v := range want {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	for i, v := range got {
		d := math.Abs(float64(v) - float64(want[i]))
		if !(d <= share*largest) {
			t.Errorf("%s: value %d is %v, want %v (largest %v)", name, i, v, want[i], largest)
			return
		}
		worst = math.Max(worst, d/largest)
	}
	t.Logf("%s: worst difference %.2g of the largest value", name, worst)
}

// eachOracle runs a test for both addressings on every kernel set of this machine.
func eachOracle(t *testing.T, test func(t *testing.T, o *oracle)) {
	t.Helper()
	for _, set := range kernel.Sets() {
		for _, addressing := range []string{model.Dot, model.Cosine} {
			t.Run(set.Name+"/"+addressing, func(t *testing.T) {
				o := readOracle(t, addressing)
				o.set = set
				test(t, o)
			})
		}
	}
}

func TestFirstStep(t *testing.T) {
	eachOracle(t, func(t *testing.T, o *oracle) {
		n := o.network(t, 2)
		if err := n.run(); err != nil {
			t.Fatal(err)
		}
		compared := map[string]bool{}
		check := func(name string, got []float32, share float64) {
			t.Helper()
			compared[name] = true
			o.compare(t, name, got, share)
		}
		for _, b := range n.blocks {
			check("train."+b.layer.Name, b.u, 1e-5)
			if b.norm == nil {
				continue
			}
			normed := make([]float32, len(b.y))
			for i, v := range b.y {
				if normed[i] = v; v < 0 {
					normed[i] = v / b.layer.Slope
				}
			}
			check("train."+b.layer.Norm, normed, 1e-5)
			check("train."+b.layer.Activation, b.y, 1e-5)
		}
		check("train.mem_rep", n.latent.read, 1e-5)
		check("train.mem_rep.weights", n.latent.weights, 1e-5)

		cancelled := map[string]bool{}
		for _, b := range n.blocks {
			if b.norm != nil {
				cancelled[b.layer.Name+".bias"] = true
			}
		}
		for _, p := range n.params {
			g, err := p.gradient()
			if err != nil {
				t.Fatal(err)
			}
			name := "grad." + p.name
			if !cancelled[p.name] {
				check(name, g, 1e-4)
				continue
			}
			compared[name] = true
			for i, want := range o.tensors[name].Float {
				if math.Abs(float64(g[i])) > 1e-6 || math.Abs(float64(want)) > 1e-6 {
					t.Errorf("%s: value %d is %v, PyTorch has %v, want both below 1e-6", name, i, g[i], want)
				}
			}
		}
		for name := range o.tensors {
			if (strings.HasPrefix(name, "train.") || strings.HasPrefix(name, "grad.")) && !compared[name] {
				t.Errorf("%s was not compared", name)
			}
		}
	})
}

func TestTenSteps(t *testing.T) {
	eachOracle(t, func(t *testing.T, o *oracle) {
		n := o.network(t, 2)
		opt := newAdam(n.params, n.pool, 0)
		losses := o.tensors["losses"]
		for step := range losses.Shape[0] {
			if err := n.run(); err != nil {
				t.Fatal(err)
			}
			n.updateRunningStats()
			if err := opt.update(n.params, 1e-4, step+1); err != nil {
				t.Fatal(err)
			}
			for i, got := range []float64{n.loss.total, n.loss.square} {
				want := float64(losses.Float[3*step+i])
				if !(math.Abs(got-want) <= 1e-4*want) {
					t.Errorf("step %d, loss %d: %v, want %v", step, i, got, want)
				}
			}
			t.Logf("step %d: loss %.7f, PyTorch %.7f; entropy %.5f, PyTorch %.5f", step, n.loss.total,
				losses.Float[3*step],
				n.loss.entropy, losses.Float[3*step+2])
		}
		for _, b := range n.blocks {
			if b.norm == nil {
				continue
			}
			name := b.layer.Norm + ".running_var"
			o.compare(t, "after."+name, n.tensors[name].Float, 1e-5)
			o.compareMeans(t, b, n)
			if got, want := n.tensors[b.layer.Norm+".num_batches_tracked"].Int[0],
				o.tensors["after."+b.layer.Norm+".num_batches_tracked"].Int[0]; got != want {
				t.Errorf("%s: %d batches, want %d", b.layer.Norm, got, want)
			}
		}
	})
}

// compareMeans compares the running means with the oracle's. In PyTorch, the bias before a batch norm, which has no
// effect, drifts with the rounding of a gradient that should be 0, and the mean drifts with it. Ours does not drift, so
// a difference of that drift is allowed.
func (o *oracle) compareMeans(t *testing.T, b *block, n *network) {
	t.Helper()
	got, want := n.tensors[b.layer.Norm+".running_mean"].Float, o.tensors["after."+b.layer.Norm+".running_mean"].Float
	before, after := o.tensors["init."+b.layer.Name+".bias"].Float, o.tensors["after."+b.layer.Name+".bias"].Float
	for c := range got {
		wandered := math.Abs(float64(after[c]) - float64(before[c]))
		if d := math.Abs(float64(got[c]) - float64(want[c])); !(d <= 1e-5+wandered) {
			t.Errorf("%s.running_mean: channel %d is %v, want %v; the bias wandered by %v", b.layer.Norm, c, got[c],
				want[c], wandered)
		}
	}
}

// TestEvaluationAfterTraining scores with the oracle's trained weights, including running statistics. The expected
// values, the mean of |y-x| of each clip, were computed with PyTorch in evaluation mode.
func TestEvaluationAfterTraining(t *testing.T) {
	wanted := map[string][2]float64{
		model.Dot:    {0.5013261685162433, 0.5039051896674209},
		model.Cosine: {0.5013273114000185, 0.5039048474918673},
	}
	eachOracle(t, func(t *testing.T, o *oracle) {
		m, err := model.NewWithSet(o.weights("after."), o.set)
		if err != nil {
			t.Fatal(err)
		}
		s := m.NewScorer(1)
		defer s.Close()
		x := o.tensors["x"].Float
		size := len(x) / o.batch
		for clip, want := range wanted[o.spec.Addressing] {
			got, err := s.Score(x[clip*size:][:size], nil)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got.Error-want) > 1e-5*want {
				t.Errorf("clip %d: error %v, want %v", clip, got.Error, want)
			}
		}
	})
}
