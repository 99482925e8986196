package geometry

import (
	"math"
	"slices"
)

// IgnoreMask gives [side][side], row-major, for the model's score: true where any part of a model pixel lies under the
// mask, nil without a mask. A model pixel that the outline only touches is a mixture of what is shown and what is
// hidden, so it says nothing.
func IgnoreMask(mask []Polygon, side int) []bool {
	if len(mask) == 0 {
		return nil
	}
	out := Rasterize(mask, side, side)
	for _, p := range mask {
		if slices.ContainsFunc(p, invalidPoint) {
			continue
		}
		for i, a := range p {
			markEdge(out, side, a, p[(i+1)%len(p)])
		}
	}
	return out
}

// markEdge marks every pixel that the line from a to b goes through. A pixel that no outline goes through is whole
// inside or whole outside, and its centre tells which.
func markEdge(out []bool, side int, a, b Point) {
	if a.Y > b.Y {
		a, b = b, a
	}
	s := float64(side)
	for y := pixel(a.Y*s, side); y <= pixel(b.Y*s, side); y++ {
		// The part of the edge that lies in this row of pixels.
		from, to := a.X, b.X
		if b.Y > a.Y {
			from = a.X + (max(float64(y)/s, a.Y)-a.Y)/(b.Y-a.Y)*(b.X-a.X)
			to = a.X + (min(float64(y+1)/s, b.Y)-a.Y)/(b.Y-a.Y)*(b.X-a.X)
		}
		if top, bottom := float64(y)/s, float64(y+1)/s; b.Y < top || a.Y >= bottom {
			continue // wholly above or below the picture
		}
		left, right := min(from, to), max(from, to)
		if right < 0 || left >= 1 {
			continue
		}
		for x := pixel(left*s, side); x <= pixel(right*s, side); x++ {
			out[y*side+x] = true
		}
	}
}

// pixel is the pixel that holds the coordinate, or the nearest one of the picture.
func pixel(v float64, side int) int {
	return int(min(max(math.Floor(v), 0), float64(side-1)))
}

// Run is a stretch of pixels of a row-major picture: from, and up to before to.
type Run struct {
	From, To int
}

// MaskRuns gives the pixels of a w x h picture that lie under the mask.
func MaskRuns(mask []Polygon, w, h int) []Run {
	if len(mask) == 0 {
		return nil
	}
	var runs []Run
	inside := false
	for i, covered := range Rasterize(mask, w, h) {
		switch {
		case covered && inside:
			runs[len(runs)-1].To = i + 1
		case covered:
			runs = append(runs, Run{i, i + 1})
		}
		inside = covered
	}
	return runs
}
