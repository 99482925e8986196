package detect

import (
	"slices"

	"vigil/geometry"
)

const (
	gridCells = 16  // the error map is pooled to at most gridCells x gridCells cells
	hotShare  = 0.5 // a cell is hot from this share of the hottest cell's error
	maxBoxes  = 5   // limits an event to the hottest regions
)

// HotBoxes returns boxes around connected hot cells of an error map, the hottest first, in fractions of the picture.
// errs is [side][side], row-major.
func HotBoxes(errs []float32, side int) []geometry.Box {
	n := min(gridCells, side)
	cells := pool(errs, side, n)
	hottest := slices.Max(cells)
	if !(hottest > 0) {
		return nil
	}
	type hotBox struct {
		box  geometry.Box
		peak float32
	}
	var found []hotBox
	hot := make([]bool, n*n)
	for i, cell := range cells {
		hot[i] = cell >= hotShare*hottest
	}
	for _, component := range geometry.Components(hot, n, false) {
		x0, y0, x1, y1, peak := n, n, -1, -1, float32(0)
		for _, i := range component {
			x, y := i%n, i/n
			x0, y0, x1, y1, peak = min(x0, x), min(y0, y), max(x1, x), max(y1, y), max(peak, cells[i])
		}
		f := 1 / float64(n)
		found = append(found, hotBox{geometry.Box{
			X: float64(x0) * f, Y: float64(y0) * f, W: float64(x1-x0+1) * f, H: float64(y1-y0+1) * f,
		}, peak})
	}
	slices.SortStableFunc(found, func(a, b hotBox) int {
		switch {
		case a.peak > b.peak:
			return -1
		case a.peak < b.peak:
			return 1
		}
		return 0
	})
	boxes := make([]geometry.Box, 0, maxBoxes)
	for _, p := range found[:min(len(found), maxBoxes)] {
		boxes = append(boxes, p.box)
	}
	return boxes
}

// pool returns [n][n] means of an error map [side][side].
func pool(errs []float32, side, n int) []float32 {
	out := make([]float32, n*n)
	for cy := range n {
		for cx := range n {
			var sum float32
			y0, y1, x0, x1 := cy*side/n, (cy+1)*side/n, cx*side/n, (cx+1)*side/n
			for y := y0; y < y1; y++ {
				for _, e := range errs[y*side+x0 : y*side+x1] {
					sum += e
				}
			}
			out[cy*n+cx] = sum / float32((y1-y0)*(x1-x0))
		}
	}
	return out
}
