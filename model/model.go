package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"vigil/model/kernel"
)

// normEpsilon is BatchNorm's.
const normEpsilon = 1e-5

// Model is a network ready for scoring: batch norms are folded into the convolutions, and weights are packed for this
// machine. It is read-only, so any number of Scorers may share it.
type Model struct {
	spec    Spec
	name    string
	version string
	hash    string
	set     *kernel.Set
	layers  []layer
	convs   []*kernel.Conv    // one for each layer
	memory  *kernel.Memory    // nil without slots
	tail    *kernel.FusedTail // the last two layers
	// background is [side][side]; nil unless the score is BlockMotion and the weights have a place.
	background []float32
	fps        float64
}

// Load reads a safetensors file of weights with their hyper-parameters and prepares the model.
func Load(path string) (*Model, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return LoadFrom(raw, path)
}

// LoadFrom is Load for the content of a file; path is for its name and for errors.
func LoadFrom(raw []byte, path string) (*Model, error) {
	w, err := ParseWeights(raw, path)
	if err != nil {
		return nil, err
	}
	if w.Name == "" {
		base := filepath.Base(path)
		w.Name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	m, err := New(w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withCode(err))
	}
	sum := sha256.Sum256(raw)
	m.hash = hex.EncodeToString(sum[:])
	if m.version == "" {
		m.version = m.hash[:versionDigits]
	}
	return m, nil
}

// New prepares a model from weights in memory, which it copies. Its Hash is empty.
func New(w *Weights) (*Model, error) { return newModel(w, kernel.BestSet()) }

func newModel(w *Weights, set *kernel.Set) (*Model, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	m := &Model{spec: w.Spec, name: w.Name, version: w.Version, fps: w.FPS(), set: set, layers: w.Spec.layers()}
	for i := range m.layers {
		l := &m.layers[i]
		c := kernel.NewConv(set, l.axes(), l.in, l.out, l.slope())
		weight, bias := w.fold(l)
		out, in := l.weightStrides()
		c.Pack(weight, out, in, bias)
		m.convs = append(m.convs, c)
	}
	// From the last layer to the first, skip frames that no scored frame depends on.
	skip := Frames - w.Spec.ScoredFrames()
	for _, c := range slices.Backward(m.convs) {
		c.SkipFrames(skip)
		skip = c.UnreadFrames()
	}
	m.tail = kernel.NewFusedTail(m.convs[len(m.convs)-2], m.convs[len(m.convs)-1])
	if w.Spec.Slots > 0 {
		m.memory = kernel.NewMemory(set, w.Spec.Slots, w.Spec.Channels[3], float32(w.Spec.Lambda),
			w.Spec.Addressing == Cosine)
		m.memory.Pack(w.Tensors[memoryName].Float)
	}
	if w.Spec.Score == BlockMotion && !w.Placeless {
		m.background = slices.Clone(w.Tensors[Background].Float)
	}
	return m, nil
}

// fold returns the weights and the bias of a convolution with its batch norm folded in.
func (w *Weights) fold(l *layer) (weight, bias []float32) {
	weight, bias = w.Tensors[l.name+".weight"].Float, w.Tensors[l.name+".bias"].Float
	if l.norm == "" {
		return weight, bias
	}
	gamma, beta := w.Tensors[l.norm+".weight"].Float, w.Tensors[l.norm+".bias"].Float
	mean, variance := w.Tensors[l.norm+".running_mean"].Float, w.Tensors[l.norm+".running_var"].Float
	outStride, inStride := l.weightStrides()
	folded, moved := make([]float32, len(weight)), make([]float32, l.out)
	for o := range l.out {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+normEpsilon)
		moved[o] = float32((float64(bias[o])-float64(mean[o]))*scale + float64(beta[o]))
		for i := range l.in {
			at := o*outStride + i*inStride
			for k := at; k < at+27; k++ {
				folded[k] = float32(float64(weight[k]) * scale)
			}
		}
	}
	return folded, moved
}

// Spec returns the hyper-parameters.
func (m *Model) Spec() Spec { return m.spec }

// Name is the name in the weights' metadata, or the file's base name without its extension.
func (m *Model) Name() string { return m.name }

// versionDigits is how many digits of the hash serve as a version.
const versionDigits = 12

// Version is the version in the weights' metadata, or the first twelve digits of Hash.
func (m *Model) Version() string { return m.version }

// NeedsBackground reports whether clips can be scored only with the background of their camera, since the weights know
// no place.
func (m *Model) NeedsBackground() bool { return m.spec.Score == BlockMotion && m.background == nil }

// FPS is the rate, in frames a second, at which the weights were trained; 0 if they do not say.
func (m *Model) FPS() float64 { return m.fps }

// Hash is the file's SHA-256 in hexadecimal digits.
func (m *Model) Hash() string { return m.hash }

// latentQueries is the number of latent positions that the memory addresses: those in frames that the decoder reads.
func (m *Model) latentQueries() int {
	latent := &m.layers[3]
	return (latent.outT - m.convs[4].UnreadFrames()) * latent.outS * latent.outS
}

// FLOPs is the number of floating-point operations per clip in the convolutions and the memory; taps on padding are not
// counted.
func (m *Model) FLOPs() float64 {
	n := 2 * m.latentQueries() * m.spec.Slots * m.spec.Channels[3]
	for _, c := range m.convs {
		n += c.MACs()
	}
	return 2 * float64(n)
}
