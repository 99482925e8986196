// Package geometry has points, polygons and rasters, in fractions of a picture. It imports no other package of this
// program.
package geometry

import (
	"fmt"
	"math"
	"slices"
)

// Point is a position in fractions of the picture's width and height: (0, 0) is the top left corner, (1, 1) the bottom
// right one.
type Point struct {
	X, Y float64
}

// Polygon is an area of a picture: its corners in order, closed from the last to the first.
type Polygon []Point

// Check returns an error for fewer than three corners, or a corner outside of [0, 1].
func (p Polygon) Check() error {
	if len(p) < 3 {
		return fmt.Errorf("a polygon has at least 3 corners, this one has %d", len(p))
	}
	for i, c := range p {
		if !(c.X >= 0 && c.X <= 1 && c.Y >= 0 && c.Y <= 1) { // also true for NaN
			return fmt.Errorf("corner %d is (%g, %g); corners are fractions of the picture, from 0 to 1", i+1, c.X, c.Y)
		}
	}
	return nil
}

// Rasterize returns [h][w], row-major: true where a pixel's centre lies in at least one of the polygons. Each polygon
// follows the even-odd rule, so a polygon that crosses itself has holes, and two polygons that overlap have none.
// Corners may lie outside of the picture; a polygon with a corner that is not a number, or a million pictures away,
// covers nothing.
func Rasterize(polys []Polygon, w, h int) []bool {
	if w <= 0 || h <= 0 {
		return nil
	}
	out := make([]bool, w*h)
	var crossings []float64
	for _, p := range polys {
		if len(p) < 3 || slices.ContainsFunc(p, invalidPoint) {
			continue
		}
		for y := range h {
			crossings = p.crossings(crossings[:0], (float64(y)+0.5)/float64(h))
			slices.Sort(crossings)
			row := out[y*w : (y+1)*w]
			for i := 0; i+1 < len(crossings); i += 2 {
				from, to := firstCentre(crossings[i], w), firstCentre(crossings[i+1], w)
				for x := from; x < to; x++ {
					row[x] = true
				}
			}
		}
	}
	return out
}

// crossings appends where the polygon's edges cross the horizontal line at y. An edge includes its upper end and
// excludes its lower one, so a corner on the line counts once where the outline passes through it and never or twice at
// a tip.
func (p Polygon) crossings(to []float64, y float64) []float64 {
	for i, a := range p {
		b := p[(i+1)%len(p)]
		if (a.Y <= y) != (b.Y <= y) {
			to = append(to, a.X+(y-a.Y)/(b.Y-a.Y)*(b.X-a.X))
		}
	}
	return to
}

// firstCentre returns the first of w pixels whose centre is at x or right of it.
func firstCentre(x float64, w int) int {
	return int(math.Ceil(min(max(x*float64(w)-0.5, 0), float64(w))))
}

// invalidPoint reports whether a corner is not a number, or so far away that arithmetic with it might overflow.
func invalidPoint(c Point) bool {
	const far = 1e6
	return !(math.Abs(c.X) < far && math.Abs(c.Y) < far)
}

// Rect returns the rectangle between two corners.
func Rect(x0, y0, x1, y1 float64) Polygon {
	return Polygon{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
}
