package eval

import (
	"cmp"
	"math"
	"slices"

	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// recalls are the shares of labelled events that AtRecall is given for.
var recalls = []float64{0.5, 0.8, 0.9, 1}

// maxScales bounds how many thresholds are tried at first, since each takes a run of the detector over all clips. Where
// there are more, they are tried in blocks: first the lowest of a block, and all of them only if that one finds enough.
const maxScales = 2048

// AtRecall says what it costs to find a share of the labelled events: the false alarms and the delay at the highest
// threshold that finds as many. Figures are null if no threshold does.
//
// All cameras' thresholds are moved together: each camera's distance from lo to theta is multiplied by Scale, and lo
// stays. The detector decides at every threshold anew, since a lower threshold also lets alarms begin earlier, end
// later and merge.
type AtRecall struct {
	Recall      float64 `json:"recall"`
	Scale       Number  `json:"theta_scale"`
	Theta       Number  `json:"theta"`         // null with several cameras
	FalsePerDay Number  `json:"false_per_day"` // in 24 hours of video like this
	DelayMedian Number  `json:"delay_median_seconds"`
}

// scoredVideo is a video with its clips at the live hop and its camera's threshold.
type scoredVideo struct {
	Recording
	clips     []detect.Clip
	threshold pipeline.Threshold
}

// eventsAt compares the labels with the alarms at thresholds that are scaled.
func eventsAt(videos []scoredVideo, cfg detect.Config, scale float64) *Events {
	e := &Events{}
	for _, v := range videos {
		scales := slices.Clone(v.threshold.Scales())
		for i := range scales {
			scales[i].Theta = scales[i].Lo + scale*(scales[i].Theta-scales[i].Lo)
		}
		e.add(v.Recording, alarmsOf(v.clips, cfg, scales))
	}
	e.finish()
	return e
}

// costOfRecall tries thresholds from the highest down, until all events are found.
func costOfRecall(videos []scoredVideo, cfg detect.Config) []AtRecall {
	out := make([]AtRecall, len(recalls))
	for i, recall := range recalls {
		out[i] = AtRecall{Recall: recall, Scale: nan, Theta: nan, FalsePerDay: nan, DelayMedian: nan}
	}
	if !slices.ContainsFunc(videos, func(v scoredVideo) bool { return slices.Contains(v.Abnormal, true) }) {
		return out
	}
	scales := distinctScales(videos, cfg)
	step := (len(scales) + maxScales - 1) / maxScales
	next := 0 // the first recall that has not been reached
	reaches := func(e *Events) bool {
		// The tolerance is for the rounding of products such as 0.9 * 30.
		return next < len(out) && float64(e.Found) >= out[next].Recall*float64(e.Truth)-1e-9
	}
	for from := 0; from < len(scales) && next < len(out); from += step {
		block := scales[from:min(from+step, len(scales))]
		if len(block) > 1 && !reaches(eventsAt(videos, cfg, block[len(block)-1])) {
			continue
		}
		for _, scale := range block {
			for e := eventsAt(videos, cfg, scale); reaches(e); next++ {
				out[next].fill(e, scale, videos)
			}
			if next == len(out) {
				break
			}
		}
	}
	return out
}

// fill sets the figures.
func (a *AtRecall) fill(e *Events, scale float64, videos []scoredVideo) {
	a.Scale, a.DelayMedian = Number(scale), e.DelayMedian
	a.FalsePerDay = 24 * e.FalsePerHour
	first := videos[0]
	if !slices.ContainsFunc(videos, func(v scoredVideo) bool { return v.Camera != first.Camera }) {
		a.Theta = Number(first.threshold.Lo + scale*(first.threshold.Theta-first.threshold.Lo))
	}
}

// distinctScales are scales of the thresholds between which no clip changes sides, from the highest down: what the
// detector does is the same for all scales between two of them where it differs at all.
func distinctScales(videos []scoredVideo, cfg detect.Config) []float64 {
	var edges []float64
	for _, v := range videos {
		scales := v.threshold.Scales()
		for _, c := range v.clips {
			applyScales(&c, scales)
			// Half of the distance from lo, in those of the threshold: regularity is 1 - half/scale.
			half := c.Excess / 2
			if !(half > 0) {
				continue
			}
			edges = append(edges, half/(1-cfg.Enter))
			if cfg.Leave < 1 {
				edges = append(edges, half/(1-cfg.Leave))
			}
		}
	}
	slices.SortFunc(edges, func(a, b float64) int { return cmp.Compare(b, a) })
	edges = slices.Compact(edges)
	var scales []float64
	for i, edge := range edges {
		below := 0.0
		if i+1 < len(edges) {
			below = edges[i+1]
		}
		if s := (edge + below) / 2; s > 0 && !math.IsInf(s, 1) {
			scales = append(scales, s)
		}
	}
	return scales
}
