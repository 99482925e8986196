package model

import (
	"image"
	"math"
)

// blocks finds the window with the highest score. Windows are an eighth of the side wide and a thirty-second apart. The
// last window of each row and column touches the border, so every pixel lies in at least one window.
type blocks struct {
	side, window, step int
	frames             float64 // in the sums
	changes            float64 // frame-to-frame changes in the sums
	// Summed-area tables, [side+1][side+1]: of the errors, for BlockMotion of the
	// changes and of the foreground, and of the pixels that are not ignored.
	errs, change, front, kept []float64
	counts                    []float32 // [side][side], 0 where a pixel is ignored and 1 elsewhere
	cells                     [CellGrid * CellGrid]float32
}

// CellGrid is the number of cells in a row and in a column of Score.Cells. A cell is as large as a window.
const CellGrid = 8

func newBlocks(side, frames int) *blocks {
	n := (side + 1) * (side + 1)
	return &blocks{
		side: side, window: side / 8, step: max(side/32, 1), frames: float64(frames),
		changes: float64(min(frames, Frames-1)),
		errs:    make([]float64, n), change: make([]float64, n), front: make([]float64, n), kept: make([]float64, n),
		counts: make([]float32, side*side),
	}
}

// motionFloor is the mean squared difference to the background, on the scale [-1, 1], above which a window's motion
// counts in full.
const motionFloor = 0.01

// peak returns the highest window score and its window. errs, and for BlockMotion change and front (else nil), are
// [side][side] and 0 where ignore is set. Means are taken over the whole window, so that a few pixels at the edge of a
// mask cannot outweigh a full window; a window without any counted pixel is skipped. Afterwards b.cells holds, for each
// cell, the highest score of the windows whose centre lies in it.
func (b *blocks) peak(errs, change, front []float32, ignore []bool) (float64, image.Rectangle) {
	b.table(b.errs, errs)
	if ignore != nil {
		for i, ignored := range ignore {
			b.counts[i] = 1
			if ignored {
				b.counts[i] = 0
			}
		}
		b.table(b.kept, b.counts)
	}
	if change != nil {
		b.table(b.change, change)
		b.table(b.front, front)
	}
	area := float64(b.window * b.window)
	b.cells = [CellGrid * CellGrid]float32{}
	best, where := -1.0, image.Rectangle{}
	for y := 0; ; y += b.step {
		y = min(y, b.side-b.window)
		for x := 0; ; x += b.step {
			x = min(x, b.side-b.window)
			if ignore == nil || b.sum(b.kept, x, y) > 0 {
				// Rounding can make a difference of running sums slightly negative.
				score := max(b.sum(b.errs, x, y), 0) / area
				if change != nil {
					moved := max(b.sum(b.change, x, y), 0) / (area * b.changes)
					stood := max(b.sum(b.front, x, y), 0) / (area * b.frames)
					score *= math.Sqrt(moved / (stood + motionFloor))
				}
				cell := &b.cells[(y+b.window/2)*CellGrid/b.side*CellGrid+(x+b.window/2)*CellGrid/b.side]
				*cell = max(*cell, float32(score))
				if score > best {
					best, where = score, image.Rect(x, y, x+b.window, y+b.window)
				}
			}
			if x == b.side-b.window {
				break
			}
		}
		if y == b.side-b.window {
			break
		}
	}
	return max(best, 0), where
}

// table fills in sums over all that is above and to the left.
func (b *blocks) table(sums []float64, values []float32) {
	row := b.side + 1
	for y := range b.side {
		var sum float64
		above, to := sums[y*row+1:][:b.side], sums[(y+1)*row+1:][:b.side]
		for x, v := range values[y*b.side:][:b.side] {
			sum += float64(v)
			to[x] = above[x] + sum
		}
	}
}

// sum is that of the window at x, y.
func (b *blocks) sum(sums []float64, x, y int) float64 {
	row := b.side + 1
	top, bottom := y*row+x, (y+b.window)*row+x
	return sums[bottom+b.window] - sums[bottom] - sums[top+b.window] + sums[top]
}
