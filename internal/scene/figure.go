package scene

import (
	"image"
	"math"
)

// part is a limb (two points with radii in metres) or a flat face (four corners).
type part struct {
	at      [4]vec
	corners int
	r0, r1  float64
	colour  rgb
}

// figure is an object on the street, as parts from back to front.
type figure struct {
	parts []part
	z     float64
}

// limb adds a rounded bar from a to b.
func (f *figure) limb(a, b vec, r0, r1 float64, c rgb) {
	f.parts = append(f.parts, part{at: [4]vec{a, b}, corners: 2, r0: r0, r1: r1, colour: c})
}

// face adds a flat convex face.
func (f *figure) face(a, b, c, d vec, colour rgb) {
	f.parts = append(f.parts, part{at: [4]vec{a, b, c, d}, corners: 4, colour: colour})
}

// dropToGround moves the figure vertically until its lowest limb touches the ground.
func (f *figure) dropToGround() {
	low := math.Inf(1)
	for i := range f.parts {
		p := &f.parts[i]
		low = min(low, p.at[0].y-p.r0, p.at[1].y-p.r1)
	}
	for i := range f.parts {
		for j := range f.parts[i].at {
			f.parts[i].at[j].y -= low
		}
	}
}

// The sun stands behind the houses: shadows fall to the right and towards the camera. Values are metres of shadow per
// metre of height.
const sunX, sunZ = 0.45, -0.35

// onGround is the point on which the shadow of p falls.
func onGround(p vec) vec { return vec{p.x + p.y*sunX, 0, p.z + p.y*sunZ} }

// dots projects a part, or its shadow.
func (p *part) dots(cam *camera, shadow bool) (d [4]dot) {
	for i, at := range p.at[:p.corners] {
		if shadow {
			at = onGround(at)
		}
		u, v, scale := cam.project(at)
		d[i] = dot{u: u, v: v}
		switch {
		case p.corners == 4:
		case i == 0:
			d[i].r = p.r0 * scale
		default:
			d[i].r = p.r1 * scale
		}
		if shadow {
			// A round limb flattened to a shadow is thinner than in the air.
			d[i].r *= 0.7
		}
	}
	return d
}

// draw draws the figure over the frame.
func (f *figure) draw(r *raster, cam *camera, to *paint) {
	for i := range f.parts {
		p := &f.parts[i]
		to.colour = p.colour
		p.fill(r, cam, false, to)
	}
}

// drawShadow adds the figure's shadow.
func (f *figure) drawShadow(r *raster, cam *camera, to *shade) {
	for i := range f.parts {
		f.parts[i].fill(r, cam, true, to)
	}
}

func (p *part) fill(r *raster, cam *camera, shadow bool, to ink) {
	d := p.dots(cam, shadow)
	if p.corners == 4 {
		r.convex(d[:4], to)
		return
	}
	r.capsule(d[0], d[1], to)
}

// bounds is the box in pixels, not clipped to the frame, outside of which the figure or its shadow changes nothing.
func (f *figure) bounds(cam *camera, shadow bool) image.Rectangle {
	u0, v0, u1, v1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := range f.parts {
		p := &f.parts[i]
		d := p.dots(cam, shadow)
		for _, q := range d[:p.corners] {
			r := max(q.r, 0.5) + 0.5
			u0, v0, u1, v1 = min(u0, q.u-r), min(v0, q.v-r), max(u1, q.u+r), max(v1, q.v+r)
		}
	}
	return image.Rect(int(math.Floor(u0)), int(math.Floor(v0)), int(math.Ceil(u1)), int(math.Ceil(v1)))
}
