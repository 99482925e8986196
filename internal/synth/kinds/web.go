package kinds

import (
	"math"
	"math/rand/v2"
)

// thread is a part of a web between two points, in pixels.
type thread struct{ x0, y0, x1, y1, wide, opacity float64 }

// makeWeb hangs a web before the lens: spokes and rounds, out of focus, which sway in the wind, and the spider.
func makeWeb(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.lasting(r, 10), r.Uint64()
	w, h := float64(p.Width), float64(p.Height)
	x0, y0 := w*uniform(r, 0.25, 0.75), h*uniform(r, 0.2, 0.6)
	web := drawWeb(spin(r, x0, y0, h), p.Width, p.Height)
	level := min(p.surface().bright+25, 250)
	ramp := p.frames(2)
	spider := insect{size: h * uniform(r, 0.03, 0.06), tone: 20}
	return s.clip(p, func(t int, c *canvas) bool {
		share, now := s.share(t, ramp), float64(t)/p.FPS
		sway := func(k float64) float64 { return 0.02 * h * (clouds(seed, 0.8*now, k, 0) - 0.5) }
		dx, dy, stretch := sway(0), sway(4), 1+0.02*(clouds(seed, 0.6*now, 8, 0)-0.5)
		glint := (0.75 + 0.5*clouds(seed, 1.5*now, 12, 0)) / 255
		marked := false
		i := 0
		for y := range p.Height {
			for x := range p.Width {
				f := share * glint * bilinear(web, p.Width, p.Height, x0+(float64(x)-x0-dx)/stretch,
					y0+(float64(y)-y0-dy)/stretch)
				if f > 0.004 {
					c.level(i, float64(c.pix[i])*(1-f)+level*f)
					c.mask[i] = f > 0.12
					marked = marked || c.mask[i]
				}
				i++
			}
		}
		spider.x, spider.y = x0+dx, y0+dy
		spider.sit(c, share)
		return marked
	}), nil
}

// drawWeb draws the threads' opacity, as grey levels.
func drawWeb(web []thread, width, height int) []byte {
	c := &canvas{p: &Place{}, pix: make([]byte, width*height)}
	c.p.Width, c.p.Height = width, height
	for _, one := range web {
		c.streak(one.x0, one.y0, one.x1, one.y1, one.wide, one.opacity, 255)
	}
	return c.pix
}

// spin makes the threads of a web about a point.
func spin(r *rand.Rand, x0, y0, h float64) (all []thread) {
	spokes := 11 + r.IntN(6)
	var angles []float64
	for i := range spokes {
		angles = append(angles, (float64(i)+uniform(r, -0.25, 0.25))*2*math.Pi/float64(spokes))
	}
	reach := h * uniform(r, 0.6, 0.9)
	wide := max(h/260, 0.8)
	for _, a := range angles {
		sin, cos := math.Sincos(a)
		all = append(all, thread{x0, y0, x0 + 1.25*reach*cos, y0 + 1.25*reach*sin, wide, 0.7})
	}
	rounds := 9 + r.IntN(6)
	for k := range rounds {
		if k < 2 {
			continue
		}
		for i, a := range angles {
			b := angles[(i+1)%spokes]
			if i == spokes-1 {
				b += 2 * math.Pi
			}
			if r.IntN(12) == 0 {
				continue // a torn thread
			}
			from := reach * (float64(k) + float64(i)/float64(spokes)) / float64(rounds)
			to := reach * (float64(k) + float64(i+1)/float64(spokes)) / float64(rounds)
			// It sags between the spokes.
			mx, my := 0.46*(from*math.Cos(a)+to*math.Cos(b)), 0.46*(from*math.Sin(a)+to*math.Sin(b))
			opacity := uniform(r, 0.35, 0.6)
			all = append(all, thread{x0 + from*math.Cos(a), y0 + from*math.Sin(a), x0 + mx, y0 + my, wide, opacity},
				thread{x0 + mx, y0 + my, x0 + to*math.Cos(b), y0 + to*math.Sin(b), wide, opacity})
		}
	}
	return all
}

// sit draws the spider in the middle of its web.
func (o *insect) sit(c *canvas, share float64) {
	c.around(o.x, o.y, 2*o.size, 2*o.size, 2*o.size, func(i int, dx, dy float64) {
		u, v := dx/o.size, dy/o.size
		f := share * ease(1.4*(1.2-math.Hypot(u/0.6, v/0.9)))
		c.level(i, float64(c.pix[i])*(1-f)+o.tone*f)
		c.mask[i] = c.mask[i] || f > 0.4
	})
}
