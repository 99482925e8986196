package scene

import "math"

// cart is a small open vehicle with a roof and a driver; lengths in metres, relative to its centre on the ground.
type cart struct {
	driver body
	paint  rgb
}

const (
	cartLength = 2.5
	cartWidth  = 1.2
	cartWheel  = 0.28
)

func (c *cart) figure(x, z, dir, way float64, parts []part) figure {
	f := figure{parts: parts, z: z}
	at := func(a, y, b float64) vec { return vec{x + dir*a, y, z + b} }
	const l, w = cartLength / 2, cartWidth / 2
	dark := rgb{36, 36, 38}
	tyre := func(a, b float64) {
		f.limb(at(a, cartWheel, b), at(a, cartWheel, b), cartWheel, cartWheel, rgb{32, 32, 34})
		f.limb(at(a, cartWheel, b-0.01), at(a, cartWheel, b-0.01), 0.15, 0.15, rgb{150, 150, 148})
		sin, cos := math.Sincos(way / cartWheel)
		f.limb(at(a-0.13*cos, cartWheel+0.13*sin, b-0.02), at(a+0.13*cos, cartWheel-0.13*sin, b-0.02), 0.03, 0.03,
			rgb{70, 70, 70})
	}
	post := func(a, top, b float64) { f.limb(at(a, 0.7, b), at(top, 1.86, b), 0.03, 0.03, dark) }
	box := func(a0, a1, y0, y1, b float64, colour rgb) {
		// Ends first, the one that faces the camera last; then the top and the near side.
		f.face(at(a0, y0, -b), at(a0, y0, b), at(a0, y1, b), at(a0, y1, -b), colour.times(0.7))
		f.face(at(a1, y0, -b), at(a1, y0, b), at(a1, y1, b), at(a1, y1, -b), colour.times(0.7))
		f.face(at(a0, y1, -b), at(a1, y1, -b), at(a1, y1, b), at(a0, y1, b), colour.times(1.1))
		f.face(at(a0, y0, -b), at(a1, y0, -b), at(a1, y1, -b), at(a0, y1, -b), colour.times(0.92))
	}
	tyre(-0.8, w)
	tyre(0.85, w)
	box(-l, l, 0.3, 0.52, w, c.paint)
	post(0.72, 0.5, w)
	post(-0.9, -0.85, w)
	box(0.7, l, 0.5, 0.85, w, c.paint)
	box(-l, -0.5, 0.5, 0.8, w, c.paint)
	f.face(at(-0.62, 0.8, -w+0.08), at(-0.5, 0.8, w-0.08), at(-0.62, 1.2, w-0.08), at(-0.72, 1.2, -w+0.08), dark)
	c.drawDriver(&f, at)
	post(0.72, 0.5, -w)
	post(-0.9, -0.85, -w)
	box(-1, 0.62, 1.86, 1.92, w, rgb{214, 212, 204})
	tyre(-0.8, -w)
	tyre(0.85, -w)
	return f
}

func (c *cart) drawDriver(f *figure, at placer) {
	d := &c.driver
	for _, side := range [...]float64{0.12, -0.2} {
		f.limb(at(-0.35, 0.82, side), at(0.1, 0.85, side), 0.08, 0.065, d.legs)
		f.limb(at(0.1, 0.85, side), at(0.3, 0.55, side), 0.06, 0.05, d.legs)
		f.limb(at(-0.38, 0.85, side), at(-0.4, 1.3, side), 0.11, 0.11, d.top)
		f.limb(at(-0.38, 1.32, side), at(0.2, 1.05, side), 0.05, 0.04, d.top.times(0.93))
	}
	f.limb(at(0.28, 1.12, -0.2), at(0.22, 1.02, 0.12), 0.025, 0.025, rgb{30, 30, 30})
	f.limb(at(-0.36, 1.5, -0.04), at(-0.35, 1.58, -0.04), 0.09, 0.095, d.skin)
	f.limb(at(-0.4, 1.6, -0.04), at(-0.37, 1.64, -0.04), 0.09, 0.09, d.hair)
}
