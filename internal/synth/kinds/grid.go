package kinds

import (
	"vigil/geometry"
)

const (
	// gridRows is about how many rows the grid has: a person far away then still has several cells.
	gridRows = 120
	// minMoving is the mean difference to the background, in grey levels, of a cell with a moving object.
	minMoving = 12
	// Shares of the picture that a moving object has at least and at most, in cells.
	minObject, maxObject = 0.0006, 0.2
)

// grid divides the picture into square cells; pixels at the right and lower edge may belong to none.
type grid struct{ cell, cols, rows int }

func newGrid(width, height int) grid {
	cell := max(height/gridRows, 1)
	return grid{cell, width / cell, height / cell}
}

// box bounds an object, in pixels: left and top belong to it, right and bottom do not.
type box struct{ left, top, right, bottom int }

func (b box) width() int  { return b.right - b.left }
func (b box) height() int { return b.bottom - b.top }

func (b box) overlap(o box) int {
	w, h := min(b.right, o.right)-max(b.left, o.left), min(b.bottom, o.bottom)-max(b.top, o.top)
	return max(w, 0) * max(h, 0)
}

// differences returns a function that finds the cells of a frame that differ from the background, after the light's
// change, which it returns.
func (g grid) differences(p *Place) func(t int, set []bool) (light int) {
	sum := make([]int, g.cols)
	return func(t int, set []bool) int {
		frame := p.frame(t)
		light := meanDifference(frame, p.background)
		limit := minMoving * g.cell * g.cell
		for row := range g.rows {
			clear(sum)
			for y := row * g.cell; y < (row+1)*g.cell; y++ {
				now, was := frame[y*p.Width:][:g.cols*g.cell], p.background[y*p.Width:][:g.cols*g.cell]
				for col := range sum {
					for x := col * g.cell; x < (col+1)*g.cell; x++ {
						d := int(now[x]) - int(was[x]) - light
						sum[col] += max(d, -d)
					}
				}
			}
			for col, s := range sum {
				set[row*g.cols+col] = s >= limit
			}
		}
		return light
	}
}

// objects are the connected parts of the set cells that are large enough.
func (g grid) objects(set []bool) (out []box) {
	for _, cells := range geometry.Components(set, g.cols, true) {
		share := float64(len(cells)) / float64(len(set))
		if share < minObject || len(cells) < 4 || share > maxObject {
			continue
		}
		b := box{g.cols, g.rows, 0, 0}
		for _, i := range cells {
			x, y := i%g.cols, i/g.cols
			b = box{min(b.left, x), min(b.top, y), max(b.right, x+1), max(b.bottom, y+1)}
		}
		out = append(out, box{b.left * g.cell, b.top * g.cell, b.right * g.cell, b.bottom * g.cell})
	}
	return out
}
