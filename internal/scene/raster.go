package scene

import "math"

// ink takes one row of coverage: cover[i] is how much of pixel (x+i, y) is covered, 0 to 255, and lit[i] is how far the
// surface there faces the light, -127 to 127.
type ink interface {
	row(x, y int, cover []uint8, lit []int8)
}

// raster converts shapes to rows of coverage with antialiased edges. It keeps the row's buffers.
type raster struct {
	width, height int
	cover         []uint8
	lit           []int8
}

func newRaster(width, height int) raster {
	return raster{width, height, make([]uint8, width), make([]int8, width)}
}

// clip returns the pixels between two corners that lie inside the frame; the ends are exclusive.
func (r *raster) clip(u0, v0, u1, v1 float64) (x0, y0, x1, y1 int) {
	w, h := float64(r.width), float64(r.height)
	x0, y0 = int(max(0, min(w, math.Floor(u0)))), int(max(0, min(h, math.Floor(v0))))
	x1, y1 = int(max(0, min(w, math.Ceil(u1)))), int(max(0, min(h, math.Ceil(v1))))
	return x0, y0, x1, y1
}

// dot is a position in the frame with a radius, in pixels.
type dot struct{ u, v, r float64 }

// The light comes from the upper left of the frame.
const lightU, lightV = -0.75, -0.66

// capsule draws a limb: everything within a linearly changing radius of the line from a to b.
func (r *raster) capsule(a, b dot, to ink) {
	// A limb thinner than a pixel is drawn a pixel wide and fainter.
	fade := float32(1)
	if thin := max(a.r, b.r); thin < 0.5 {
		fade = float32(thin / 0.5)
	}
	a.r, b.r = max(a.r, 0.5), max(b.r, 0.5)
	x0, y0, x1, y1 := r.clip(min(a.u-a.r, b.u-b.r)-1, min(a.v-a.r, b.v-b.r)-1, max(a.u+a.r, b.u+b.r)+1,
		max(a.v+a.r, b.v+b.r)+1)
	if x0 >= x1 || y0 >= y1 {
		return
	}
	du, dv := float32(b.u-a.u), float32(b.v-a.v)
	along := 1 / max(du*du+dv*dv, 1e-6)
	ra, dr := float32(a.r), float32(b.r-a.r)
	cover, lit := r.cover[:x1-x0], r.lit[:x1-x0]
	for y := y0; y < y1; y++ {
		pv := float32(float64(y) + 0.5 - a.v)
		for i := range cover {
			pu := float32(float64(x0+i) + 0.5 - a.u)
			t := max(0, min(1, (pu*du+pv*dv)*along))
			eu, ev, rad := pu-t*du, pv-t*dv, ra+t*dr
			square := eu*eu + ev*ev
			if square >= (rad+0.5)*(rad+0.5) {
				cover[i], lit[i] = 0, 0
				continue
			}
			inside := min(1, rad+0.5-float32(math.Sqrt(float64(square))))
			cover[i] = uint8(255*fade*inside + 0.5)
			lit[i] = int8(127 * max(-1, min(1, (eu*lightU+ev*lightV)/rad)))
		}
		to.row(x0, y, cover, lit)
	}
}

// convex draws a filled convex polygon; its corners may run either way round.
func (r *raster) convex(corners []dot, to ink) {
	u0, v0, u1, v1, area := corners[0].u, corners[0].v, corners[0].u, corners[0].v, 0.0
	for i, a := range corners {
		b := corners[(i+1)%len(corners)]
		u0, v0, u1, v1 = min(u0, a.u), min(v0, a.v), max(u1, a.u), max(v1, a.v)
		area += a.u*b.v - b.u*a.v
	}
	x0, y0, x1, y1 := r.clip(u0-1, v0-1, u1+1, v1+1)
	if x0 >= x1 || y0 >= y1 {
		return
	}
	// Each edge as a line equation: nu*u + nv*v + n is the distance from it, positive inside.
	var edges [4][3]float32
	count := 0
	for i, a := range corners {
		b := corners[(i+1)%len(corners)]
		length := math.Hypot(b.u-a.u, b.v-a.v)
		if length < 1e-6 {
			continue
		}
		nu, nv := math.Copysign(1, area)*(a.v-b.v)/length, math.Copysign(1, area)*(b.u-a.u)/length
		edges[count] = [3]float32{float32(nu), float32(nv), float32(-nu*a.u - nv*a.v)}
		count++
	}
	cover, lit := r.cover[:x1-x0], r.lit[:x1-x0]
	clear(lit)
	for y := y0; y < y1; y++ {
		for i := range cover {
			u, v, inside := float32(x0+i)+0.5, float32(y)+0.5, float32(1)
			for _, e := range edges[:count] {
				inside = min(inside, e[0]*u+e[1]*v+e[2]+0.5)
			}
			cover[i] = uint8(255*max(0, inside) + 0.5)
		}
		to.row(x0, y, cover, lit)
	}
}
