package kinds

import "slices"

// perspective is the height of a person whose feet are in a row of the picture, and the rows where feet were seen; all
// in pixels.
type perspective struct {
	at0, slope float64 // height = at0 + slope*row
	middle     float64 // the median height
	top, low   float64 // the highest and lowest row of feet, without outliers
}

// fitPerspective fits a line to the heights of who walks there. Farther up people are never larger.
func fitPerspective(p *Place, walks []track) perspective {
	h := float64(p.Height)
	var rows, heights []float64
	for _, walk := range walks {
		for i := 0; i < len(walk.boxes); i += max(len(walk.boxes)/10, 1) {
			rows = append(rows, float64(walk.boxes[i].bottom))
			heights = append(heights, float64(walk.boxes[i].height()))
		}
	}
	if len(walks) == 0 {
		return perspective{at0: h / 5, middle: h / 5, top: h * 0.4, low: h * 0.95}
	}
	sorted, feet := slices.Sorted(slices.Values(heights)), slices.Sorted(slices.Values(rows))
	n := len(rows)
	s := perspective{middle: sorted[n/2], top: feet[n/20], low: feet[n-1-n/20]}
	// Theil-Sen: the median slope of all pairs, which a few wrong boxes do not move.
	var slopes []float64
	for i := range rows {
		for j := range i {
			if d := rows[i] - rows[j]; d > h/20 || d < -h/20 {
				slopes = append(slopes, (heights[i]-heights[j])/d)
			}
		}
	}
	if len(slopes) > 20 {
		slices.Sort(slopes)
		s.slope = max(slopes[len(slopes)/2], 0)
	}
	rest := make([]float64, n)
	for i := range rest {
		rest[i] = heights[i] - s.slope*rows[i]
	}
	slices.Sort(rest)
	s.at0 = rest[n/2]
	return s
}

// height is that of a person whose feet are in a row.
func (s perspective) height(row float64) float64 {
	return min(max(s.at0+s.slope*row, 0.4*s.middle), 2.5*s.middle)
}
