package bench

import (
	"slices"

	"vigil/model"
)

// Hop is the distance between clips of a camera, in frames, that the numbers of cameras are based on.
const Hop = 8

// Result is the result of a run. Shares are relative to Peak.
type Result struct {
	ISA       string             `json:"isa"`
	Threads   int                `json:"threads"`
	Peak      float64            `json:"peak_gflops"` // of all threads: the median over the run
	PeakBest  float64            `json:"peak_best_gflops"`
	PeakISA   string             `json:"peak_isa"` // the instruction set that reaches it
	Bandwidth float64            `json:"bandwidth_gbs"`
	CPU       string             `json:"cpu"`
	Seed      uint64             `json:"seed"`
	Presets   map[string]*Preset `json:"presets"`
}

// Preset is the result for a network.
type Preset struct {
	GFLOP   float64  `json:"gflop"`   // per clip forward, without taps on padding
	Forward *Forward `json:"forward"` // from the clip to its error
	Layers  []Layer  `json:"layers"`
	Step    *Step    `json:"step,omitempty"` // batch of one clip
	Step4   *Step    `json:"step_batch_4,omitempty"`
	Notes   []string `json:"notes,omitempty"` // omitted measurements, with reasons
}

// Measure is a time and the rates derived from it.
type Measure struct {
	Seconds float64 `json:"seconds"` // per clip, the median over the rounds
	Low     float64 `json:"low_quartile_seconds"`
	High    float64 `json:"high_quartile_seconds"`
	Best    float64 `json:"best_seconds"`
	GFLOPS  float64 `json:"gflops"`
	Share   float64 `json:"share"`
	// ShareOfNearbyPeak is the median over the rounds of the share of the peak measured right before and after.
	ShareOfNearbyPeak float64 `json:"share_beside"`
	// BestShare is the best round's share of the best peak: on a machine that others use as well, the nearest to an
	// idle machine's.
	BestShare float64 `json:"best_share"`
	Rounds    int     `json:"rounds"`
}

// Forward is the scoring of a clip.
type Forward struct {
	Measure
	ClipsPerSecond float64 `json:"clips_per_second"`
	Cameras10      float64 `json:"cameras_at_10_fps"` // with a clip every Hop frames
	Cameras25      float64 `json:"cameras_at_25_fps"`
	Bytes          int64   `json:"bytes"` // the model and a scorer
	Allocs         float64 `json:"allocs"`
	// Batched is the scoring of one clip per thread, as for several cameras; nil if the network is too large for that.
	// Its seconds are a clip's share of the time; each clip takes Threads times as long.
	Batched *Measure `json:"together,omitempty"`
}

// Layer is a stage of Forward.
type Layer struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	GFLOP   float64 `json:"gflop"`
	Bytes   float64 `json:"bytes"` // least memory traffic
	Seconds float64 `json:"seconds"`
	Best    float64 `json:"best_seconds"`
	GFLOPS  float64 `json:"gflops"`
	Share   float64 `json:"share"`
	// BestShare is as in Measure.
	BestShare float64 `json:"best_share"`
}

// Step is a training step.
type Step struct {
	Measure
	Batch int     `json:"batch"`
	GFLOP float64 `json:"gflop"` // per clip
	Bytes int64   `json:"bytes"` // the graph with its buffers
	// Stages is the time of each stage.
	Stages []StepStage `json:"parts,omitempty"`
}

// StepStage is a layer in a training step, or work outside of the layers. Seconds are per clip, the median over the
// rounds; 0 if there is no such piece.
type StepStage struct {
	Name    string  `json:"name"`
	GFLOP   float64 `json:"gflop"` // of each of the three products; 0 outside of the layers
	Forward float64 `json:"forward_seconds"`
	Weights float64 `json:"weights_seconds"` // their gradient
	Input   float64 `json:"input_seconds"`   // the input gradient
	// batch norm and LeakyReLU, forward and backward; outside of the layers the whole time
	Other float64 `json:"other_seconds"`
}

// Names lists the presets in the order of model.Presets.
func (r *Result) Names() []string {
	var names []string
	for _, p := range model.Presets {
		if r.Presets[p.Preset] != nil {
			names = append(names, p.Preset)
		}
	}
	return names
}

// finish computes the shares, which need the peak of the whole run.
func (r *Result) finish(y *PeakMeter) {
	r.Peak, r.PeakBest = Quantile(y.samples, 0.5), slices.Max(y.samples)
	for _, p := range r.Presets {
		all := []*Measure{&p.Forward.Measure}
		if p.Forward.Batched != nil {
			all = append(all, p.Forward.Batched)
		}
		for _, s := range []*Step{p.Step, p.Step4} {
			if s != nil {
				all = append(all, &s.Measure)
			}
		}
		for _, m := range all {
			m.Share, m.BestShare = m.GFLOPS/r.Peak, m.GFLOPS*m.Seconds/m.Best/r.PeakBest
		}
		for i := range p.Layers {
			l := &p.Layers[i]
			l.Share, l.BestShare = l.GFLOPS/r.Peak, l.GFLOP/max(l.Best, 1e-9)/r.PeakBest
		}
	}
}

// Quantile is the q-quantile of the values, linearly interpolated; 0 if there are none.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := min(int(at), max(len(sorted)-2, 0))
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
