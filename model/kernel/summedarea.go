package kernel

// SummedArea is a summed-area table (Crow, 1984) of a square map: after Fill, the sum over any rectangle takes four
// look-ups.
type SummedArea struct {
	side int
	sums []float64 // [side+1][side+1]: over all values above and to the left
}

// NewSummedArea makes a table for maps [side][side].
func NewSummedArea(side int) *SummedArea {
	return &SummedArea{side: side, sums: make([]float64, (side+1)*(side+1))}
}

// Fill computes the table of values, [side][side], row-major.
func (s *SummedArea) Fill(values []float32) {
	row := s.side + 1
	for y := range s.side {
		var sum float64
		above, to := s.sums[y*row+1:][:s.side], s.sums[(y+1)*row+1:][:s.side]
		for x, v := range values[y*s.side:][:s.side] {
			sum += float64(v)
			to[x] = above[x] + sum
		}
	}
}

// Corners returns the table at the corners of the rectangle from (x0, y0) to (x1, y1), exclusive. The sum over it is
// bottomRight - bottomLeft - topRight + topLeft. Callers subtract in an order of their own, since the order affects the
// last bit of their results.
func (s *SummedArea) Corners(x0, y0, x1, y1 int) (topLeft, topRight, bottomLeft, bottomRight float64) {
	top, bottom := s.sums[y0*(s.side+1):][:s.side+1], s.sums[y1*(s.side+1):][:s.side+1]
	return top[x0], top[x1], bottom[x0], bottom[x1]
}
