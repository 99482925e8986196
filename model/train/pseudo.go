package train

import (
	"math/rand/v2"

	"vigil/model"
)

const (
	// The speed-up of a pseudo-anomaly.
	minSpeedUp, maxSpeedUp = 2, 5
	// wholeFrameShare is the share of pseudo-anomalies that cover the whole picture.
	wholeFrameShare = 0.3
	// minChange is the least change between two frames that counts as motion, in grey levels: 0.25 on the scale [-1,
	// 1].
	minChange = 32
)

// augmenter writes clips: normal ones and pseudo-anomalies. It belongs to one goroutine.
type augmenter struct {
	side       int
	pixels     []byte // [16][S][S], the clip being written
	motion     []bool // [S][S]
	rows       []bool // [S][S], motion widened along rows
	background []byte // [S][S], the background
}

// newAugmenter takes the background, [S][S] in [-1, 1].
func newAugmenter(side int, background []float32) *augmenter {
	f := &augmenter{
		side: side, pixels: make([]byte, model.Frames*side*side), motion: make([]bool, side*side),
		rows: make([]bool, side*side),
	}
	f.background = greyLevels(background)
	return f
}

func greyLevels(scaled []float32) (levels []byte) {
	for _, v := range scaled {
		levels = append(levels, byte((v+1)*127.5+0.5))
	}
	return levels
}

// writeNormal writes the clip that begins at the frame to x, [16][S][S] in [-1, 1], and an empty mask, [S][S].
func (f *augmenter) writeNormal(s segment, frame int, x, mask []float32) {
	copy(f.pixels, s.gray[frame*f.side*f.side:])
	f.writeScaled(x)
	clear(mask)
}

func (f *augmenter) writeScaled(x []float32) {
	for i, v := range f.pixels {
		x[i] = scaledGrey[v]
	}
}

// scaledGrey is grey/127.5 - 1 in single precision, rounded like the frames that will be scored.
var scaledGrey = func() (table [256]float32) {
	for i := range table {
		quotient := float32(i) / 127.5
		table[i] = quotient - 1
	}
	return table
}()

// writeFast writes a clip in which a rectangle plays at k times the speed, centred on the same moment, and marks in the
// mask what moves there (after Astrid et al., STEAL Net, who speed up whole clips). Since the camera is static, the
// border of the rectangle does not show. It returns false, and writes nothing, if the segment is too short for double
// speed.
func (f *augmenter) writeFast(r *rand.Rand, s segment, frame int, x, mask []float32) bool {
	const steps = model.Frames - 1
	k := minSpeedUp + r.IntN(maxSpeedUp-minSpeedUp+1)
	for k > 1 && steps*k+1 > s.frames {
		k--
	}
	if k < minSpeedUp {
		return false
	}
	first := min(max(frame+model.Frames/2-model.Frames/2*k, 0), s.frames-(steps*k+1))
	top, left, height, width := f.rectangle(r)
	area := f.side * f.side
	copy(f.pixels, s.gray[frame*area:])
	for t := range model.Frames {
		from, to := s.gray[(first+t*k)*area:][:area], f.pixels[t*area:][:area]
		for y := top; y < top+height; y++ {
			copy(to[y*f.side+left:][:width], from[y*f.side+left:])
		}
	}
	f.writeScaled(x)
	f.markMotion()
	clear(mask)
	for y := top; y < top+height; y++ {
		for c := left; c < left+width; c++ {
			if f.motion[y*f.side+c] {
				mask[y*f.side+c] = 1
			}
		}
	}
	return true
}

func (f *augmenter) rectangle(r *rand.Rand) (top, left, height, width int) {
	if r.Float64() < wholeFrameShare {
		return 0, 0, f.side, f.side
	}
	quarter := f.side / 4
	height, width = quarter+r.IntN(f.side/2), quarter+r.IntN(f.side/2)
	return r.IntN(f.side - height + 1), r.IntN(f.side - width + 1), height, width
}

// markMotion marks in motion the pixels that change at any time in the clip, and their surroundings.
func (f *augmenter) markMotion() {
	area := f.side * f.side
	clear(f.motion)
	for t := 1; t < model.Frames; t++ {
		before, after := f.pixels[(t-1)*area:][:area], f.pixels[t*area:][:area]
		for i, v := range after {
			if d := int(v) - int(before[i]); d >= minChange || d <= -minChange {
				f.motion[i] = true
			}
		}
	}
	f.dilate()
}

// dilate dilates motion by a square.
func (f *augmenter) dilate() {
	// A square of 3 pixels at side 64, of 5 at 128, of 7 at 192.
	reach := max(f.side/64, 1)
	clear(f.rows)
	for i, m := range f.motion {
		if m {
			y, x := i/f.side, i%f.side
			for c := max(x-reach, 0); c <= min(x+reach, f.side-1); c++ {
				f.rows[y*f.side+c] = true
			}
		}
	}
	clear(f.motion)
	for i, m := range f.rows {
		if m {
			y, x := i/f.side, i%f.side
			for row := max(y-reach, 0); row <= min(y+reach, f.side-1); row++ {
				f.motion[row*f.side+x] = true
			}
		}
	}
}
