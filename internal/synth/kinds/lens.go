package kinds

import (
	"math"
	"math/rand/v2"
)

// makeCovered lays a hand or a cloth over the lens: it comes from one side and leaves a little light at an edge.
func makeCovered(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.window(r, p.frames(8)), r.Uint64()
	ramp := p.frames(0.5)
	dark, leak := uniform(r, 6, 22), uniform(r, 0, 30)
	angle := uniform(r, 0, 2*math.Pi)
	sin, cos := math.Sincos(angle)
	w, h := float64(p.Width), float64(p.Height)
	cloth := newField(p.Width, p.Height, func(x, y float64) float64 {
		d := (x/w-0.5)*cos + (y/h-0.5)*sin
		return dark + leak*ease(d*1.6-0.1) + 5*(rough(seed, 3*x/h, 3*y/h, 0)-0.5)
	})
	return s.whole(p, func(t int, c *canvas) {
		share := s.share(t, ramp)
		frame := p.frame(c.source)
		c.withNoise(0.5*share, func(i, x, y int) float64 {
			// The edge is far out of focus.
			d := ((float64(x)/w-0.5)*cos+(float64(y)/h-0.5)*sin)/1.42 + 0.5
			over := ease((share*1.6 - d) / 0.5)
			return float64(frame[i])*(1-over) + cloth.at(x, y)*over
		})
	}), nil
}

// makeSprayed sprays paint on the lens, which is out of focus there.
func makeSprayed(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.lasting(r, 10), r.Uint64()
	ramp := p.frames(2)
	level := []float64{18, 70, 200}[r.IntN(3)]
	h := float64(p.Height)
	reach := uniform(r, 0.55, 0.7)
	// when is the moment, 0 to 1, at which paint reaches a point: along a stroke that goes to and fro.
	when := newField(p.Width, p.Height, func(x, y float64) float64 {
		return 0.7*rough(seed, 2.2*x/h, 2.2*y/h, 0) + 0.3*math.Abs(2*math.Mod(y/h*2+x/h, 1)-1)
	})
	tone := newField(p.Width, p.Height, func(x, y float64) float64 {
		return level + 30*(rough(seed+3, 5*x/h, 5*y/h, 0)-0.5)
	})
	return s.whole(p, func(t int, c *canvas) {
		share := s.share(t, ramp)
		frame := p.frame(c.source)
		c.withNoise(0.5*share, func(i, x, y int) float64 {
			over := 0.97 * ease((share*reach-when.at(x, y))/0.1+0.5*share)
			// Paint lets a little light through and scatters it.
			return float64(frame[i])*(1-over) + tone.at(x, y)*over
		})
	}), nil
}

// makeDefocused blurs the picture; the sensor's noise stays sharp.
func makeDefocused(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.window(r, p.frames(8))
	widest, ramp := max(float64(p.Height)/uniform(r, 45, 70), 2), p.frames(0.8)
	return s.whole(p, func(t int, c *canvas) {
		radius := int(math.Round(widest * s.share(t, ramp)))
		if radius == 0 {
			return
		}
		soft := blur(p.frame(c.source), p.Width, p.Height, radius)
		c.withNoise(1, func(i, _, _ int) float64 { return float64(soft[i]) })
	}), nil
}

// makeBlinded shines a lamp into the lens: what is near it is saturated, the rest has a veil.
func makeBlinded(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.window(r, p.frames(6)), r.Uint64()
	w, h := float64(p.Width), float64(p.Height)
	x0, y0, wide := w*uniform(r, 0.3, 0.7), h*uniform(r, 0.3, 0.7), uniform(r, 0.5, 0.8)*h
	ramp := p.frames(0.3)
	rays := uniform(r, 0, math.Pi)
	glow := newField(p.Width, p.Height, func(x, y float64) float64 {
		d := math.Hypot(x-x0, y-y0)
		star := math.Pow(math.Abs(math.Cos(3*(math.Atan2(y-y0, x-x0)+rays))), 12) * math.Exp(-d/(1.2*wide))
		return 420*math.Exp(-d*d/(wide*wide)) + 90*star + 110*math.Exp(-d/(1.5*wide))
	})
	return s.whole(p, func(t int, c *canvas) {
		power := s.share(t, ramp) * (0.9 + 0.2*clouds(seed, float64(t)/p.FPS*2, 0, 0))
		frame := p.frame(c.source)
		i := 0
		for y := range p.Height {
			for x := range p.Width {
				// The exposure goes down as far as it can.
				c.level(i, float64(frame[i])*(1-0.35*power)+power*glow.at(x, y))
				i++
			}
		}
	}), nil
}

func makeDark(r *rand.Rand, p *Place) (*Clip, error) {
	const gain = 0.35
	s, ramp := p.window(r, p.frames(5)), p.frames(0.3)
	return s.whole(p, func(t int, c *canvas) {
		left := 1 - (1-gain)*s.share(t, ramp)
		frame := p.frame(c.source)
		// The noise of the sensor does not go down with the light.
		c.withNoise(1-left, func(i, _, _ int) float64 { return float64(frame[i]) * left })
	}), nil
}
