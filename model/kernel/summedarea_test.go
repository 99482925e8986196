package kernel

import "testing"

// TestSummedArea compares every rectangle of a small map with its sum, also after the table was filled before.
func TestSummedArea(t *testing.T) {
	const side = 5
	values := make([]float32, side*side)
	s := NewSummedArea(side)
	for round := range 2 {
		for i := range values {
			values[i] = float32((7*i+round)%11) - 3
		}
		s.Fill(values)
		for y0 := range side + 1 {
			for y1 := y0; y1 <= side; y1++ {
				for x0 := range side + 1 {
					for x1 := x0; x1 <= side; x1++ {
						var want float64
						for y := y0; y < y1; y++ {
							for x := x0; x < x1; x++ {
								want += float64(values[y*side+x])
							}
						}
						topLeft, topRight, bottomLeft, bottomRight := s.Corners(x0, y0, x1, y1)
						if got := bottomRight - bottomLeft - topRight + topLeft; got != want {
							t.Fatalf("from %d,%d to %d,%d: %v, want %v", x0, y0, x1, y1, got, want)
						}
					}
				}
			}
		}
	}
}
