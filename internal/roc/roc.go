// Package roc counts how well scores separate positives from negatives.
package roc

import "slices"

// Wins returns the number of pairs of a positive and a negative in which the positive has the higher score; ties count
// half (the statistic U of Mann and Whitney, 1947). Divided by the number of pairs it is the area under the ROC (Hanley
// and McNeil, 1982). pos[i] and neg[i] count the positives and negatives with the i-th lowest distinct score.
func Wins(pos, neg []int) float64 {
	below, wins := 0, 0.0
	for i, p := range pos {
		wins += float64(p) * (float64(below) + float64(neg[i])/2)
		below += neg[i]
	}
	return wins
}

// Counts returns the arguments of Wins for the scores of positives and negatives. Scores must not be NaN.
func Counts(positives, negatives []float64) (pos, neg []int) {
	scores := slices.Concat(positives, negatives)
	slices.Sort(scores)
	scores = slices.Compact(scores)
	count := func(values []float64) []int {
		counts := make([]int, len(scores))
		for _, v := range values {
			i, _ := slices.BinarySearch(scores, v)
			counts[i]++
		}
		return counts
	}
	return count(positives), count(negatives)
}
