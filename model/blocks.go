package model

import "image"

// blocks finds the window with the highest mean error: windows of an eighth of the side, a thirty-second apart. The last
// window of a row and of a column touches the border, so every pixel is in one.
type blocks struct {
	side, window, step int
	// Two summed-area tables, [side+1][side+1]: of the errors and of the pixels that count.
	sums []float64
	kept []int32
}

func newBlocks(side int) *blocks {
	n := (side + 1) * (side + 1)
	return &blocks{
		side: side, window: side / 8, step: max(side/32, 1),
		sums: make([]float64, n), kept: make([]int32, n),
	}
}

// peak returns the highest mean and where it is. errs is [side][side] and holds 0 where ignore is set. The mean is over the whole
// window, so that a few pixels at the edge of a mask cannot outweigh a full window; a window without a kept pixel is passed over.
func (b *blocks) peak(errs []float32, ignore []bool) (float64, image.Rectangle) {
	row := b.side + 1
	for y := range b.side {
		var sum float64
		var kept int32
		for x := range b.side {
			at := y*b.side + x
			sum += float64(errs[at])
			if ignore == nil || !ignore[at] {
				kept++
			}
			to := (y+1)*row + x + 1
			b.sums[to] = b.sums[to-row] + sum
			b.kept[to] = b.kept[to-row] + kept
		}
	}
	best, where := -1.0, image.Rectangle{}
	for y := 0; ; y += b.step {
		y = min(y, b.side-b.window)
		for x := 0; ; x += b.step {
			x = min(x, b.side-b.window)
			tl, bl := y*row+x, (y+b.window)*row+x
			tr, br := tl+b.window, bl+b.window
			sum := b.sums[br] - b.sums[bl] - b.sums[tr] + b.sums[tl]
			if b.kept[br]-b.kept[bl]-b.kept[tr]+b.kept[tl] > 0 && sum > best {
				best, where = sum, image.Rect(x, y, x+b.window, y+b.window)
			}
			if x == b.side-b.window {
				break
			}
		}
		if y == b.side-b.window {
			break
		}
	}
	// Differences of running sums can fall below zero by a rounding.
	return max(best, 0) / float64(b.window*b.window), where
}
