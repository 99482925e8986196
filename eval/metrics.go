// Package eval measures how well scores detect anomalies: it reads labelled data sets in their published layout, scores
// them through package pipeline, and compares the scores with the labels.
//
// Data sets and scores go in; figures, pictures and a report come out. Invariant: two protocols are measured side by
// side and never mixed. In the paper's, each video's scores are scaled by its own minimum and maximum, which needs the
// whole video; in the live one, only the past frames of a test video are known. Higher scores are more anomalous. The
// package returns errors and never logs.
package eval

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Number is a figure. An undefined one is NaN or infinite, and null in JSON.
type Number float64

// defined reports whether n is finite.
func (n Number) defined() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for an undefined figure.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// nan is an undefined figure.
var nan = Number(math.NaN())

// String formats n with four decimals, as is usual in papers.
func (n Number) String() string {
	if !n.defined() {
		return "-"
	}
	return fmt.Sprintf("%.4f", float64(n))
}

// Interval is a figure's 95 % bootstrap interval over videos.
type Interval [2]Number

// Series are the frames of a video that count: Scores[i] is a frame's anomaly score, Abnormal[i] its label. -Inf is the
// score of a frame before the first clip. Scores are not NaN.
type Series struct {
	Video    string
	Scores   []float64
	Abnormal []bool
}

// Measures are the frame-level figures of one protocol.
type Measures struct {
	MicroAUC         Number   `json:"micro_auc"` // one ROC over all frames of all videos
	MicroAUCInterval Interval `json:"micro_auc_95"`
	MacroAUC         Number   `json:"macro_auc"` // the mean of the videos' own AUCs
	MacroAUCInterval Interval `json:"macro_auc_95"`
	EER              Number   `json:"eer"` // where the false positive rate equals the share of abnormal frames missed
	EERInterval      Interval `json:"eer_95"`
	AP               Number   `json:"ap"` // average precision, with the abnormal frames as positive
	APInterval       Interval `json:"ap_95"`
	Frames           int      `json:"frames"` // that count
	Abnormal         int      `json:"abnormal_frames"`
	Videos           int      `json:"videos"`
	MacroVideos      int      `json:"macro_videos"` // that have both normal and abnormal frames

	ROC []RatePoint      `json:"-"`
	PR  []PrecisionPoint `json:"-"`
}

// RatePoint is a point of the ROC.
type RatePoint struct{ FalsePositive, TruePositive float64 }

// PrecisionPoint is a point of the precision-recall curve.
type PrecisionPoint struct{ Recall, Precision float64 }

// Measure computes the figures over all videos. A video that is all normal or all abnormal is left out of the macro AUC
// only. Intervals come from the given number of resamplings of the videos, drawn from the seed. It is an error if all
// frames are normal, or all are abnormal.
func Measure(videos []Series, resamplings int, seed uint64) (Measures, error) {
	r, err := newRanking(videos)
	if err != nil {
		return Measures{}, err
	}
	once := make([]int, len(videos))
	for i := range once {
		once[i] = i
	}
	t := r.histogram(once)
	m := Measures{Frames: t.p + t.n, Abnormal: t.p, Videos: len(videos)}
	switch {
	case t.p == 0:
		return m, fmt.Errorf("all %d frames are labelled normal, so there is no AUC", m.Frames)
	case t.n == 0:
		return m, fmt.Errorf("all %d frames are labelled abnormal, so there is no AUC",
			m.Frames)
	}
	m.MicroAUC, m.EER, m.AP = Number(t.auc()), Number(t.eer()), Number(t.ap())
	m.ROC, m.PR = t.roc(), t.pr()
	var macro float64
	macro, m.MacroVideos = r.macro(once)
	m.MacroAUC = Number(macro)
	r.bootstrap(&m, resamplings, seed)
	return m, nil
}

// ranking holds every frame's rank among the distinct scores, so that a resampling only has to count.
type ranking struct {
	ranks int
	rank  [][]int // of each video's frames; 0 is the lowest score
	truth [][]bool
	aucs  []float64 // per video; NaN if all its labels are equal
}

func newRanking(videos []Series) (*ranking, error) {
	type at struct {
		score        float64
		video, frame int
	}
	r := &ranking{rank: make([][]int, len(videos)), truth: make([][]bool, len(videos))}
	var all []at
	for v, s := range videos {
		if len(s.Scores) != len(s.Abnormal) {
			return nil, fmt.Errorf("%s: %d scores for %d labels", s.Video, len(s.Scores), len(s.Abnormal))
		}
		r.rank[v], r.truth[v] = make([]int, len(s.Scores)), s.Abnormal
		for f, score := range s.Scores {
			if math.IsNaN(score) {
				return nil, fmt.Errorf("%s: score %d of %d is not a number", s.Video, f, len(s.Scores))
			}
			all = append(all, at{score, v, f})
		}
	}
	slices.SortFunc(all, func(a, b at) int { return cmp.Compare(a.score, b.score) })
	for i, a := range all {
		if i > 0 && a.score != all[i-1].score {
			r.ranks++
		}
		r.rank[a.video][a.frame] = r.ranks
	}
	r.ranks++
	for v := range videos {
		r.aucs = append(r.aucs, r.histogram([]int{v}).auc())
	}
	return r, nil
}

// macro is the mean AUC of the drawn videos that have one, and their number.
func (r *ranking) macro(drawn []int) (mean float64, of int) {
	var sum float64
	for _, v := range drawn {
		if !math.IsNaN(r.aucs[v]) {
			sum += r.aucs[v]
			of++
		}
	}
	return sum / float64(of), of
}

// histogram counts the frames of the drawn videos at each rank.
func (r *ranking) histogram(drawn []int) *histogram {
	t := &histogram{pos: make([]int, r.ranks), neg: make([]int, r.ranks)}
	t.count(r, drawn)
	return t
}

// String formats both ends.
func (i Interval) String() string { return i[0].String() + " to " + i[1].String() }
