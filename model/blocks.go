package model

import (
	"image"
	"math"

	"vigil/model/kernel"
)

// blocks finds the window with the highest score. Windows are an eighth of the side wide and a thirty-second apart. The
// last window of each row and column touches the border, so every pixel lies in at least one window.
type blocks struct {
	side, window, step int
	frames             float64 // in the sums
	changes            float64 // frame-to-frame changes in the sums
	// Tables of the errors, for BlockMotion of the changes and of the foreground, and of the pixels that are not
	// ignored.
	errs, change, front, kept *kernel.SummedArea
	counts                    []float32 // [side][side], 0 where a pixel is ignored and 1 elsewhere
}

// Reading is a clip's error by one measure.
type Reading struct {
	Error float64 // higher is more anomalous
	// Peak is the window with the highest score (for mean_abs, with the highest mean of the map), in pixels of the
	// input.
	Peak image.Rectangle
	// Cells is [CellGrid][CellGrid], row-major: the highest score of the windows whose centre lies in the cell; 0 where
	// everything is ignored. For mean_abs, which has no windows, it is taken from the map's means.
	Cells [CellGrid * CellGrid]float32
}

func (r *Reading) add(score float64, cell int, x, y, window int) {
	r.Cells[cell] = max(r.Cells[cell], float32(score))
	if score > r.Error {
		r.Error, r.Peak = score, image.Rect(x, y, x+window, y+window)
	}
}

// CellGrid is the number of cells in a row and in a column of Score.Cells. A cell is as large as a window.
const CellGrid = 8

func newBlocks(side, frames int) *blocks {
	table := func() *kernel.SummedArea { return kernel.NewSummedArea(side) }
	return &blocks{
		side: side, window: side / 8, step: max(side/32, 1), frames: float64(frames),
		changes: float64(min(frames, Frames-1)),
		errs:    table(), change: table(), front: table(), kept: table(),
		counts: make([]float32, side*side),
	}
}

// motionFloor is the mean squared difference to the background, on the scale [-1, 1], above which a window's motion
// counts in full.
const motionFloor = 0.01

// peak returns the windows' highest mean squared error and, for BlockMotion, also their highest score. errs, and for
// BlockMotion change and front (else nil), are [side][side] and 0 where ignore is set. Means are taken over the whole
// window, so that a few pixels at the edge of a mask cannot outweigh a full window; a window without any counted pixel
// is skipped.
func (b *blocks) peak(errs, change, front []float32, ignore []bool) (motion, appearance Reading) {
	b.errs.Fill(errs)
	if ignore != nil {
		for i, ignored := range ignore {
			b.counts[i] = 1
			if ignored {
				b.counts[i] = 0
			}
		}
		b.kept.Fill(b.counts)
	}
	if change != nil {
		b.change.Fill(change)
		b.front.Fill(front)
	}
	area := float64(b.window * b.window)
	motion.Error, appearance.Error = -1, -1
	for y := 0; ; y += b.step {
		y = min(y, b.side-b.window)
		for x := 0; ; x += b.step {
			x = min(x, b.side-b.window)
			if ignore == nil || b.sum(b.kept, x, y) > 0 {
				cell := (y+b.window/2)*CellGrid/b.side*CellGrid + (x+b.window/2)*CellGrid/b.side
				// Rounding can make a difference of running sums slightly negative.
				score := max(b.sum(b.errs, x, y), 0) / area
				appearance.add(score, cell, x, y, b.window)
				if change != nil {
					moved := max(b.sum(b.change, x, y), 0) / (area * b.changes)
					stood := max(b.sum(b.front, x, y), 0) / (area * b.frames)
					motion.add(score*math.Sqrt(moved/(stood+motionFloor)), cell, x, y, b.window)
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
	motion.Error, appearance.Error = max(motion.Error, 0), max(appearance.Error, 0)
	return motion, appearance
}

// sum is the sum over the window at x, y.
func (b *blocks) sum(table *kernel.SummedArea, x, y int) float64 {
	topLeft, topRight, bottomLeft, bottomRight := table.Corners(x, y, x+b.window, y+b.window)
	return bottomRight - bottomLeft - topRight + topLeft
}
