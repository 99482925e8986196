// Package bench measures the speed of scoring and training on this machine, relative to the peak of its cores: the same
// run alternates the work with measurements of how many multiply-adds per second all threads reach. The Result is
// available as numbers, as a table and as a roofline plot.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"vigil/internal/output"
	"vigil/model"
	"vigil/model/kernel"
)

// DefaultPresets are the networks measured by default: all except those for tests.
var DefaultPresets = []string{"paper", "accurate", "small", "fast"}

// DefaultRounds is how often each measurement is taken by default.
const DefaultRounds = 7

// Options selects what is measured. The zero value measures everything with the fastest kernel set.
type Options struct {
	Presets []string    // none: DefaultPresets
	Set     *kernel.Set // nil: the fastest
	Threads int         // 0 or less: GOMAXPROCS
	Rounds  int         // 0 or less: DefaultRounds
	Seed    uint64      // of weights and clips
	NoSteps bool        // leave out training
	// Progress, if set, is called with the name of each measurement as it starts.
	Progress func(what string)

	ISA  string // a kernel set's name, of which Check makes Set; "" for the fastest
	Plot string // PNG file for the roofline, which Check proves; "" for none
}

// maxThreads is more than machines have.
const maxThreads = 4096

// Check checks what a user chose and finds the kernel set. Errors name the options like the flags of 'vigil bench'.
func (o *Options) Check() (err error) {
	if len(o.Presets) == 0 {
		return errors.New("--preset: name at least one")
	}
	for _, name := range o.Presets {
		if _, err := model.FindPreset(name); err != nil {
			return fmt.Errorf("--preset: %w", err)
		}
	}
	if o.ISA != "" {
		if o.Set, err = kernel.FindSet(o.ISA); err != nil {
			return fmt.Errorf("--isa: %w", err)
		}
	}
	if o.Threads < 0 || o.Threads > maxThreads {
		return fmt.Errorf("--threads: is %d, must be from 1 to %d, or 0 for one for each core", o.Threads, maxThreads)
	}
	if o.Rounds < 1 || o.Rounds > 1e6 {
		return fmt.Errorf("--rounds: is %d, must be from 1 to 1000000", o.Rounds)
	}
	if o.Plot != "" {
		// A path that cannot be written shows now and not after a minute.
		if err := output.Check(o.Plot); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	return nil
}

// Run takes all measurements and draws the roofline. It returns ctx's error when ctx ends.
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
	if o.Plot != "" {
		return r, r.writeRoofline(o.Plot)
	}
	return r, nil
}

// RandomWeights draws weights with the distribution of the authors' initialisation, so that the arithmetic sees values
// of the usual magnitude.
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

// NoiseClip fills x with noise in [-1, 1]. The time does not depend on the clip's content.
func NoiseClip(x []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
}
