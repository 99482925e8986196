package kinds

import (
	"math"
	"math/rand/v2"
)

// makeFog takes contrast away, more so higher in the picture, which is farther away; banks of it drift.
func makeFog(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.window(r, p.frames(14)), r.Uint64()
	dense, level := uniform(r, 0.75, 0.92), uniform(r, 165, 205)
	ramp := p.frames(4)
	h := float64(p.Height)
	return s.whole(p, func(t int, c *canvas) {
		share, now := s.share(t, ramp), float64(t)/p.FPS
		veil := newField(p.Width, p.Height, func(x, y float64) float64 {
			far := 1 - 0.55*y/h
			return share * min(dense*far*(0.8+0.5*rough(seed, 1.2*x/h+0.06*now, 1.8*y/h, 0.05*now)), 0.97)
		})
		frame := p.frame(c.source)
		c.withNoise(0.7*share, func(i, x, y int) float64 {
			v := veil.at(x, y)
			return float64(frame[i])*(1-v) + level*v
		})
	}), nil
}

// makeRain draws drops as streaks, near ones long and blurred, and takes some contrast away.
func makeRain(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.window(r, p.frames(10)), r.Uint64()
	slant, heavy := uniform(r, -0.3, 0.3), uniform(r, 0.6, 1.3)
	ramp := p.frames(2)
	h := float64(p.Height)
	level := p.surface().bright
	return s.whole(p, func(t int, c *canvas) {
		share := s.share(t, ramp)
		for i, v := range c.pix {
			c.level(i, float64(v)*(1-0.14*share)+0.1*share*level)
		}
		q := at(seed, t)
		drops := int(share * heavy * 420 * float64(p.Width) / h)
		for range drops {
			near := math.Pow(q.Float64(), 3)
			length := h * (0.025 + 0.11*near)
			x, y := q.Float64()*float64(p.Width), q.Float64()*(h+length)-length
			wide := 0.5 + near*h/220
			c.streak(x, y, x+slant*length, y+length, wide, (0.2+0.25*q.Float64())*(1.1-0.5*near), level)
		}
	}), nil
}

// streak draws a line that is soft over its width. One that is wider than long is a dot.
func (c *canvas) streak(x0, y0, x1, y1, wide, opacity, level float64) {
	w, h := c.p.Width, c.p.Height
	dx, dy := x1-x0, y1-y0
	long := max(dx*dx+dy*dy, 1e-9)
	for y := max(int(min(y0, y1)-2*wide), 0); y <= min(int(max(y0, y1)+2*wide)+1, h-1); y++ {
		// Only what is near the line at this row.
		middle := x0
		if dy != 0 {
			middle += dx * min(max((float64(y)-y0)/dy, 0), 1)
		}
		reach := 2*wide + 1
		if math.Abs(dx) > math.Abs(dy) {
			reach += math.Abs(dx)
		}
		for x := max(int(middle-reach), 0); x <= min(int(middle+reach), w-1); x++ {
			px, py := float64(x)-x0, float64(y)-y0
			along := min(max((px*dx+py*dy)/long, 0), 1)
			d := math.Hypot(px-along*dx, py-along*dy)
			f := opacity * ease(1.5-d/wide)
			if f > 0.004 {
				i := y*w + x
				c.level(i, float64(c.pix[i])*(1-f)+level*f)
			}
		}
	}
}
