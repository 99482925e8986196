package geometry

import (
	"math"
	"slices"
)

// IgnoreMask returns the ignored pixels of the model's input, [side][side], row-major: true where any part of a pixel
// is masked; nil without a mask. A pixel that the outline crosses mixes masked and visible parts, so its error has no
// meaning.
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

// markEdge marks every pixel that the line from a to b crosses. All other pixels are entirely inside or outside, as
// their centres show.
func markEdge(out []bool, side int, a, b Point) {
	if a.Y > b.Y {
		a, b = b, a
	}
	s := float64(side)
	for y := pixel(a.Y*s, side); y <= pixel(b.Y*s, side); y++ {
		// The part of the edge in this row of pixels.
		from, to := a.X, b.X
		if b.Y > a.Y {
			from = a.X + (max(float64(y)/s, a.Y)-a.Y)/(b.Y-a.Y)*(b.X-a.X)
			to = a.X + (min(float64(y+1)/s, b.Y)-a.Y)/(b.Y-a.Y)*(b.X-a.X)
		}
		if top, bottom := float64(y)/s, float64(y+1)/s; b.Y < top || a.Y >= bottom {
			continue // entirely above or below the picture
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

// pixel returns the pixel that contains the coordinate, clamped to the picture.
func pixel(v float64, side int) int {
	return int(min(max(math.Floor(v), 0), float64(side-1)))
}

// Run is a range of pixels of a row-major picture: from, and up to before to.
type Run struct {
	From, To int
}

// MaskRuns returns the masked pixels of a w x h picture.
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
