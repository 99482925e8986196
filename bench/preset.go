package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/model"
	"vigil/model/train"
)

// slowStep is the time of a step, in seconds, above which a batch of four clips is not measured.
const slowStep = 10.0

// measurePreset takes the measurements of a network.
func measurePreset(ctx context.Context, spec model.Spec, o Options, y *PeakMeter) (*Preset, error) {
	w, err := RandomWeights(spec, o.Seed)
	if err != nil {
		return nil, err
	}
	o.Progress(spec.Preset + ": scoring")
	p := &Preset{}
	parts, err := p.measureForward(ctx, w, o, y)
	if err != nil || o.NoSteps {
		return p, err
	}
	o.Progress(spec.Preset + ": a training step")
	gflop := train.StepFLOPs(parts) / 1e9
	if p.Step, err = measureStep(ctx, w, 1, gflop, o, y); err != nil {
		return nil, err
	}
	const batch = 4
	free, known := freeMemory()
	// The buffers grow with the batch; some memory is left for other programs.
	need := p.Step.Bytes * batch * 3 / 2
	switch {
	case p.Step.Seconds > slowStep:
		p.addNote("a step of %d clips is left out: one of a single clip takes %.0f s", batch, p.Step.Seconds)
	case known && need > free:
		p.addNote("a step of %d clips is left out: it needs about %s, %s is free", batch, bytesText(need),
			bytesText(free))
	case !known && need > 4<<30:
		p.addNote("a step of %d clips is left out: it needs about %s, and how much is free is not known here", batch,
			bytesText(need))
	default:
		o.Progress(fmt.Sprintf("%s: a training step of %d clips", spec.Preset, batch))
		p.Step4, err = measureStep(ctx, w, batch, gflop, o, y)
	}
	return p, err
}

func (p *Preset) addNote(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// measureForward measures scoring, as a whole and per stage.
func (p *Preset) measureForward(ctx context.Context, w *model.Weights, o Options, y *PeakMeter) ([]model.Stage, error) {
	before := heldBytes()
	m, err := model.NewWithSet(w, o.Set)
	if err != nil {
		return nil, err
	}
	scorer := m.NewScorer(y.threads)
	defer scorer.Close()
	x := make([]float32, model.Frames*w.Spec.Side*w.Spec.Side)
	NoiseClip(x, o.Seed)
	score := func() error {
		_, err := scorer.Score(x, nil)
		return err
	}
	if err := score(); err != nil {
		return nil, err
	}
	p.Forward = &Forward{Bytes: heldBytes() - before - int64(4*len(x))}
	if p.Forward.Allocs, err = allocations(score); err != nil {
		return nil, err
	}
	parts := m.Stages()
	p.GFLOP = m.FLOPs() / 1e9
	s := &sampler{gflop: p.GFLOP, clips: 1, stageTimes: make([]time.Duration, len(parts))}
	s.do = func() error {
		_, err := scorer.ScoreTimed(x, s.stageTimes)
		return err
	}
	if err := s.rounds(ctx, y, o.Rounds); err != nil {
		return nil, err
	}
	p.Forward.Measure = s.measure()
	p.Forward.setRates()
	if err := p.measureBatched(ctx, m, x, o, y); err != nil {
		return nil, err
	}
	for i, part := range parts {
		l := Layer{
			Name: part.Name, Kind: part.Kind, GFLOP: part.FLOPs / 1e9, Bytes: part.Bytes,
			Seconds: Quantile(s.stageSeconds[i], 0.5), Best: Quantile(s.stageSeconds[i], 0),
		}
		if l.Seconds > 0 {
			l.GFLOPS = l.GFLOP / l.Seconds
		}
		p.Layers = append(p.Layers, l)
	}
	return parts, nil
}

// measureBatched measures scoring with one clip per thread.
func (p *Preset) measureBatched(ctx context.Context, m *model.Model, x []float32, o Options, y *PeakMeter) error {
	n := m.MaxBatch(y.threads)
	if n == 1 {
		return nil
	}
	var scorers []*model.Scorer
	defer func() {
		for _, s := range scorers {
			s.Close()
		}
	}()
	for range n {
		scorers = append(scorers, m.NewScorer(1))
	}
	s := &sampler{gflop: p.GFLOP, clips: n, do: func() error {
		var all errgroup.Group
		for _, scorer := range scorers {
			all.Go(func() error {
				_, err := scorer.Score(x, nil)
				return err
			})
		}
		return all.Wait()
	}}
	if err := s.rounds(ctx, y, o.Rounds); err != nil {
		return err
	}
	together := s.measure()
	p.Forward.Batched = &together
	return nil
}

// setRates derives clips per second and numbers of cameras from the time of a clip.
func (f *Forward) setRates() {
	f.ClipsPerSecond = 1 / f.Seconds
	f.Cameras10, f.Cameras25 = f.ClipsPerSecond*Hop/10, f.ClipsPerSecond*Hop/25
}

// measureStep measures training.
func measureStep(ctx context.Context, w *model.Weights, batch int, gflop float64, o Options,
	y *PeakMeter,
) (*Step, error) {
	before := heldBytes()
	st, err := train.NewStepper(w, o.Set, batch, y.threads)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	NoiseClip(st.Clips(), o.Seed)
	if err := st.Step(); err != nil {
		return nil, err
	}
	out := &Step{Batch: batch, GFLOP: gflop, Bytes: heldBytes() - before}
	s := &sampler{gflop: gflop, clips: batch, stageTimes: make([]time.Duration, st.StepTimers())}
	s.do = func() error { return st.StepTimed(s.stageTimes) }
	if err := s.rounds(ctx, y, o.Rounds); err != nil {
		return nil, err
	}
	out.Measure = s.measure()
	for _, part := range st.StepStages() {
		seconds := func(part int) float64 {
			if part < 0 {
				return 0
			}
			return Quantile(s.stageSeconds[part], 0.5)
		}
		out.Stages = append(out.Stages, StepStage{
			Name: part.Name, GFLOP: part.FLOPs / 1e9,
			Forward: seconds(part.Forward), Weights: seconds(part.Weights), Input: seconds(part.Input),
			Other: seconds(part.Other),
		})
	}
	return out, nil
}

// heldBytes is the size of the heap after garbage collection. The second collection frees what finalizers released.
func heldBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// allocations is the number of allocations of a call: the minimum of several calls, since the runtime also allocates.
func allocations(do func() error) (float64, error) {
	least := math.Inf(1)
	for range 4 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := do(); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		least = min(least, float64(after.Mallocs-before.Mallocs))
	}
	return least, nil
}
