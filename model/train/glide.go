package train

import (
	"math/rand/v2"

	"vigil/model"
)

const (
	// Speed of a gliding object in picture sides per frame: that of a walking person, near or far.
	minGlideSpeed, maxGlideSpeed = 0.0015, 0.012
	// A difference to the background of at most minForeground grey levels counts as none, one of fullForeground or more
	// counts in full.
	minForeground, fullForeground = 8, 28
	// maxForegroundTries is how often a position with foreground is searched.
	maxForegroundTries = 300
)

// writeGlide writes a normal clip in which a foreground object from another time of the segment glides at walking speed
// without moving its limbs, as a cyclist or a skater does. The mask marks where it passes. A network that has only been
// trained against faster motion takes a cyclist who rides at walking speed for a pedestrian. It returns false, and
// writes nothing, if no foreground is found.
func (f *augmenter) writeGlide(r *rand.Rand, s segment, frame int, x, mask []float32) bool {
	area, side := f.side*f.side, f.side
	if s.place != nil {
		f.background = s.place.grey
	}
	source, row, col := f.sampleForeground(r, s)
	if source == nil {
		return false
	}
	height, width := side/8+r.IntN(side/8), side/12+r.IntN(side/7)
	top, left := min(max(row-height/2, 0), side-height), min(max(col-width/2, 0), side-width)
	speed := randomSign(r) * float64(side) * (minGlideSpeed + (maxGlideSpeed-minGlideSpeed)*r.Float64())
	sink := randomSign(r) * 0.2 * speed * r.Float64()
	copy(f.pixels, s.gray[frame*area:])
	clear(f.motion)
	for t := range model.Frames {
		to := f.pixels[t*area:][:area]
		dx, dy := speed*(float64(t)-model.Frames/2), sink*(float64(t)-model.Frames/2)
		for y := max(top+int(dy)-1, 0); y < min(top+height+int(dy)+2, side); y++ {
			for c := max(left+int(dx)-1, 0); c < min(left+width+int(dx)+2, side); c++ {
				v, a := f.interpolate(source, top, left, height, width, float64(y)-dy, float64(c)-dx)
				if a <= 0 {
					continue
				}
				i := y*side + c
				to[i] = byte(float64(to[i])*(1-a) + v*a + 0.5)
				if a > 0.5 {
					f.motion[i] = true
				}
			}
		}
	}
	f.writeScaled(x)
	f.dilate()
	clear(mask)
	for i, m := range f.motion {
		if m {
			mask[i] = 1
		}
	}
	return true
}

// sampleForeground finds a frame and a position at which the segment differs from the background; nil if none is found.
func (f *augmenter) sampleForeground(r *rand.Rand, s segment) (frame []byte, row, col int) {
	area := f.side * f.side
	for range maxForegroundTries {
		frame = s.gray[r.IntN(s.frames)*area:][:area]
		at := r.IntN(area)
		if d := int(frame[at]) - int(f.background[at]); d >= fullForeground || d <= -fullForeground {
			return frame, at / f.side, at % f.side
		}
	}
	return nil, 0, 0
}

// randomSign is 1 or -1.
func randomSign(r *rand.Rand) float64 {
	if r.IntN(2) == 0 {
		return -1
	}
	return 1
}

// interpolate returns the source's value at a position between pixels, and its opacity.
func (f *augmenter) interpolate(source []byte, top, left, height, width int, y, x float64) (value, alpha float64) {
	y0, x0 := int(y), int(x)
	if y < float64(top) || x < float64(left) || y0+1 >= top+height || x0+1 >= left+width {
		return 0, 0
	}
	fy, fx := y-float64(y0), x-float64(x0)
	for k, w := range [4]float64{(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx} {
		i := (y0+k/2)*f.side + x0 + k%2
		d := max(int(source[i])-int(f.background[i]), int(f.background[i])-int(source[i]))
		value += w * float64(source[i])
		alpha += w * min(max(float64(d-minForeground)/(fullForeground-minForeground), 0), 1)
	}
	return value, alpha
}
