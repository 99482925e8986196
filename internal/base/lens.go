package base

import (
	"math"
	"math/rand/v2"
)

// samples is the root of the number of points of the drawn picture that one of the model's averages.
const samples = 2

// lens turns, mirrors and enlarges the drawn picture, and scales it to the model's.
type lens struct {
	at    []int32 // [side][side][samples²], the index of a point of the drawn picture
	parts []uint8 // likewise: [..][2], how far it is from that to the right and down, in 256ths
}

func newLens(r *rand.Rand, side int) *lens {
	angle := uniform(r, -8, 8)
	if r.Float64() < 0.3 {
		angle = uniform(r, -35, 35) // people walk up and down, too
	}
	sin, cos := math.Sincos(angle * math.Pi / 180)
	zoom, mirror := uniform(r, 1.02, 1.35), 1.0
	if r.Float64() < 0.5 {
		mirror = -1
	}
	// The model squeezes all pictures into a square, whatever their shape.
	wide := uniform(r, 1.05, 1.33) * drawnHeight / zoom
	high := drawnHeight / zoom
	left, top := uniform(r, -0.3, 0.3)*(drawnWidth-wide), uniform(r, -0.3, 0.3)*(drawnHeight-high)
	l := &lens{}
	for i := range side * side * samples * samples {
		pixel, sub := i/(samples*samples), i%(samples*samples)
		u := ((float64(pixel%side)+(float64(sub%samples)+0.5)/samples)/float64(side) - 0.5) * wide * mirror
		v := ((float64(pixel/side)+(float64(sub/samples)+0.5)/samples)/float64(side) - 0.5) * high
		x := drawnWidth/2 + left + u*cos - v*sin
		y := drawnHeight/2 + top + u*sin + v*cos
		x, y = min(max(x-0.5, 0), drawnWidth-1.01), min(max(y-0.5, 0), drawnHeight-1.01)
		l.at = append(l.at, int32(y)*drawnWidth+int32(x))
		l.parts = append(l.parts, uint8(256*(x-math.Floor(x))), uint8(256*(y-math.Floor(y))))
	}
	return l
}

// level is the pixel's grey level.
func (l *lens) level(grey []byte, pixel int) float64 {
	sum := 0
	for i := pixel * samples * samples; i < (pixel+1)*samples*samples; i++ {
		at, fx, fy := l.at[i], int(l.parts[2*i]), int(l.parts[2*i+1])
		above := int(grey[at])*(256-fx) + int(grey[at+1])*fx
		below := int(grey[at+drawnWidth])*(256-fx) + int(grey[at+drawnWidth+1])*fx
		sum += above*(256-fy) + below*fy
	}
	return float64(sum) / (1 << 16 * samples * samples)
}
