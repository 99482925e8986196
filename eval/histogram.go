package eval

import (
	"math"
	"slices"

	"vigil/internal/roc"
)

// histogram is the number of abnormal (pos) and normal (neg) frames at each rank of score. Frames with equal scores are
// indistinguishable, so every curve passes them in one straight step.
type histogram struct {
	pos, neg []int
	p, n     int // their sums
}

// count replaces the counts by those of the drawn videos.
func (t *histogram) count(r *ranking, drawn []int) {
	clear(t.pos)
	clear(t.neg)
	t.p, t.n = 0, 0
	for _, v := range drawn {
		for f, rank := range r.rank[v] {
			if r.truth[v][f] {
				t.pos[rank]++
				t.p++
			} else {
				t.neg[rank]++
				t.n++
			}
		}
	}
}

// auc is the probability that an abnormal frame has a higher score than a normal one, with ties counting half (Hanley
// and McNeil, 1982); NaN if all labels are equal.
func (t *histogram) auc() float64 {
	if t.p == 0 || t.n == 0 {
		return math.NaN()
	}
	return roc.Wins(t.pos, t.neg) / float64(t.p) / float64(t.n)
}

// eer is the rate at which the ROC, interpolated linearly, crosses the diagonal of equal errors.
func (t *histogram) eer() float64 {
	if t.p == 0 || t.n == 0 {
		return math.NaN()
	}
	fpr, miss := 0.0, 1.0
	for i, p := range slices.Backward(t.pos) {
		nextFPR, nextMiss := fpr+float64(t.neg[i])/float64(t.n), miss-float64(p)/float64(t.p)
		if nextFPR >= nextMiss {
			if closing := (nextFPR - fpr) + (miss - nextMiss); closing > 0 {
				return fpr + (miss-fpr)/closing*(nextFPR-fpr)
			}
			return nextFPR
		}
		fpr, miss = nextFPR, nextMiss
	}
	return fpr
}

// ap is the average precision: the precision at each threshold weighted by the gain in recall, without interpolation.
func (t *histogram) ap() float64 {
	if t.p == 0 {
		return math.NaN()
	}
	hits, predicted, sum := 0, 0, 0.0
	for i, p := range slices.Backward(t.pos) {
		hits += p
		predicted += p + t.neg[i]
		if p > 0 {
			sum += float64(p) * float64(hits) / float64(predicted)
		}
	}
	return sum / float64(t.p)
}

func (t *histogram) roc() []RatePoint {
	points := []RatePoint{{}}
	tp, fp := 0, 0
	for i, p := range slices.Backward(t.pos) {
		tp += p
		fp += t.neg[i]
		points = append(points, RatePoint{float64(fp) / float64(t.n), float64(tp) / float64(t.p)})
	}
	return points
}

func (t *histogram) pr() []PrecisionPoint {
	var points []PrecisionPoint
	hits, predicted := 0, 0
	for i, p := range slices.Backward(t.pos) {
		hits += p
		predicted += p + t.neg[i]
		if predicted > 0 {
			points = append(points, PrecisionPoint{float64(hits) / float64(t.p), float64(hits) / float64(predicted)})
		}
	}
	return points
}
