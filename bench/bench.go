// Package bench measures how fast this machine scores and learns, against the most that its cores can do: the same run
// measures, in turns with the work, how many products a second all threads reach when they do nothing else. What comes
// out is a Result, as numbers, as a table and as a roofline plot.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"vigil/model"
	"vigil/model/kernel"
)

// DefaultPresets are the networks that are measured where nobody names any: all but those for tests.
var DefaultPresets = []string{"paper", "accurate", "small", "fast"}

// DefaultRounds is how often each measurement is taken.
const DefaultRounds = 7

// Options say what is measured. The zero value is everything with the best that the machine has.
type Options struct {
	Presets []string    // none: DefaultPresets
	Set     *kernel.Set // nil: the fastest
	Threads int         // 0 or less: GOMAXPROCS
	Rounds  int         // 0 or less: DefaultRounds
	Seed    uint64      // of weights and clips
	NoSteps bool        // leave out training
	// Progress, if set, is told what is being measured.
	Progress func(what string)
}

// FindSet returns the kernel.Set of that name; the error lists those of this machine.
func FindSet(name string) (*kernel.Set, error) {
	var names []string
	for _, s := range kernel.Sets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("instruction set %q is not to be had here, this machine has %s", name,
		strings.Join(names, ", "))
}

// Run measures. It ends early, with ctx's error, once ctx is done.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Set == nil {
		o.Set = kernel.BestSet()
	}
	if len(o.Presets) == 0 {
		o.Presets = DefaultPresets
	}
	if o.Rounds <= 0 {
		o.Rounds = DefaultRounds
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	var specs []model.Spec
	for _, name := range o.Presets {
		spec, err := model.FindPreset(name)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	o.Progress("the machine's peak")
	yard := NewPeakMeter(o.Threads)
	r := &Result{
		ISA: o.Set.Name, PeakISA: yard.ISA(), Threads: yard.Threads(), CPU: cpuName(), Seed: o.Seed,
		Presets:   map[string]*Preset{},
		Bandwidth: Bandwidth(yard.Threads()),
	}
	for _, spec := range specs {
		if r.Presets[spec.Preset] != nil {
			continue
		}
		p, err := measurePreset(ctx, spec, o, yard)
		if err != nil {
			return nil, fmt.Errorf("preset %s: %w", spec.Preset, err)
		}
		r.Presets[spec.Preset] = p
	}
	r.finish(yard)
	return r, nil
}

// RandomWeights draws weights as the authors' code does before training, so that the arithmetic meets values of the usual
// size.
func RandomWeights(spec model.Spec, seed uint64) (*model.Weights, error) {
	w, err := model.NewWeights(spec)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for _, l := range spec.Layers() {
		values := w.Tensors[l.Name+".weight"].Float
		for i := range values {
			values[i] = float32(r.NormFloat64()) * 0.02
		}
	}
	slots := w.Tensors[model.MemoryName].Float
	for i := range slots {
		slots[i] = r.Float32()*0.2 - 0.1
	}
	return w, nil
}

// NoiseClip fills x with noise in [-1, 1]. All networks take the same time for any clip.
func NoiseClip(x []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
}
