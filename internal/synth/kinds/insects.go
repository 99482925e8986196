package kinds

import (
	"math"
	"math/rand/v2"
)

// insect is one that crawls on the lens, where it is large and out of focus.
type insect struct {
	seed         uint64
	x, y, size   float64
	tone         float64
	enter, leave int // frames from the begin
}

func makeInsects(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.window(r, p.frames(8))
	h := float64(p.Height)
	all := make([]insect, 1+r.IntN(3))
	length := s.end - s.first
	// By day it is dark before the picture; where that is dark too, a lamp at the camera lights it.
	dark, bright := 10.0, 60.0
	if p.level(0.5) < 80 {
		dark, bright = 140, 200
	}
	for i := range all {
		all[i] = insect{
			seed: r.Uint64(), size: h * uniform(r, 0.07, 0.16),
			x: float64(p.Width) * uniform(r, 0.2, 0.8), y: h * uniform(r, 0.2, 0.8),
			tone: uniform(r, dark, bright), leave: length - r.IntN(length/4+1),
		}
		if i > 0 {
			all[i].enter = r.IntN(length/3 + 1)
		} else {
			all[i].leave = length
		}
	}
	return s.clip(p, func(t int, c *canvas) bool {
		n := t - s.first
		marked := false
		for _, one := range all {
			if n >= one.enter && n < one.leave && one.draw(c, float64(n)/p.FPS, min(n-one.enter+1, one.leave-n)) {
				marked = true
			}
		}
		return marked
	}), nil
}

// where is its place at a time: it crawls, and rests in between.
func (o *insect) where(c *canvas, now float64) (x, y float64) {
	// Time for it stands still now and then.
	own := now + 0.9*math.Sin(now*1.7+float64(o.seed%7))/1.7
	reach := 0.7 * float64(c.p.Height)
	return o.x + reach*(clouds(o.seed, 0.35*own, 0, 0)-0.5), o.y + reach*(clouds(o.seed, 0.35*own, 9, 0)-0.5)
}

// draw draws it, and reports whether it is to be seen.
func (o *insect) draw(c *canvas, now float64, age int) (seen bool) {
	x, y := o.where(c, now)
	nx, ny := o.where(c, now+0.2)
	sin, cos := math.Sincos(math.Atan2(ny-y, nx-x))
	legs := 0.25 * math.Sin(now*18)
	present := min(float64(age)/2, 1)
	c.around(x, y, 1.6*o.size, 1.6*o.size, 1.6*o.size, func(i int, dx, dy float64) {
		u, v := (cos*dx+sin*dy)/o.size, (cos*dy-sin*dx)/o.size
		body := 1.15 - math.Hypot(u/0.85, v/0.42)
		head := 1.1 - math.Hypot((u-0.8)/0.3, v/0.3)
		f := ease(1.3 * max(body, head))
		// Six legs, thin and therefore almost dissolved.
		side := math.Abs(v)
		for k := -1.0; k <= 1; k++ {
			swing := legs * k * math.Copysign(1, v)
			leg := 1 - math.Abs(u-0.35*k-(0.5*k+swing)*(side-0.3))/0.1
			f = max(f, 0.38*ease(leg)*ease((1.1-side)*3))
		}
		f *= 0.96 * present
		c.level(i, float64(c.pix[i])*(1-f)+o.tone*f)
		if f > 0.4 {
			c.mask[i] = true
			seen = true
		}
	})
	return seen
}
