package kinds

import (
	"math"
	"math/rand/v2"
)

// Sizes in heights of a person: of a car, and of a lorry.
const (
	carHeight, carLength     = 0.88, 2.6
	lorryHeight, lorryLength = 1.75, 4.2
)

// drawCar draws a car that drives to the right.
func drawCar(r *rand.Rand, p *Place, person float64) *sprite {
	look := p.surface()
	body := []float64{0.08, 0.3, 0.8, 1}[r.IntN(4)]
	half := carLength / carHeight / 2
	return drawSprite(carHeight*person, -half-0.02, half+0.02, func(u, v float64) (float64, float64) {
		u /= half
		if tone, ok := wheel(u*half, v, half*0.62, 0.2); ok {
			return look.level(tone), 1
		}
		if tone, ok := wheel(u*half, v, -half*0.6, 0.2); ok {
			return look.level(tone), 1
		}
		light := body + 0.12*(v-0.4)
		cabin := rounded(u+0.25*(v-0.6), v, -0.62, 0.45, 0.42-0.5*(v-0.55), 1, 0.1) <= 0
		glass := rounded(u+0.25*(v-0.6), v, -0.54, 0.6, 0.34-0.5*(v-0.55), 0.92, 0.05) <= 0 &&
			math.Abs(u+0.12) > 0.02
		lower := rounded(u, v, -1, 0.13, 1, 0.6-0.08*max(u-0.4, 0), 0.1) <= 0
		switch {
		case glass:
			return look.level(0.1 + 0.2*(v-0.6)), 1
		case lower && v < 0.2:
			return look.level(0.05), 1
		case lower && u > 0.93 && v > 0.38 && v < 0.5:
			return look.level(1), 1
		case lower && math.Abs(v-0.4) < 0.015:
			return look.level(light - 0.1), 1
		case lower || cabin:
			return look.level(min(max(light, 0), 1)), 1
		}
		return 0, 0
	})
}

// drawLorry draws a lorry that drives to the right.
func drawLorry(r *rand.Rand, p *Place, person float64) *sprite {
	look := p.surface()
	load, cab := uniform(r, 0.55, 0.95), uniform(r, 0.15, 0.7)
	half := lorryLength / lorryHeight / 2
	return drawSprite(lorryHeight*person, -half-0.02, half+0.02, func(u, v float64) (float64, float64) {
		u /= half
		for _, at := range []float64{0.74, -0.5, -0.72} {
			if tone, ok := wheel(u*half, v, half*at, 0.13); ok {
				return look.level(tone), 1
			}
		}
		switch {
		case rounded(u, v, -1, 0.2, 0.42, 1, 0.02) <= 0:
			seam := 0.04 * math.Cos(24*u)
			return look.level(load + 0.08*(v-0.6) + seam*0.3), 1
		case rounded(u, v, 0.62, 0.42, 0.92, 0.62, 0.03) <= 0:
			return look.level(0.12), 1
		case rounded(u, v, 0.46, 0.14, 1, 0.7, 0.06) <= 0:
			return look.level(cab + 0.1*(v-0.4)), 1
		case rounded(u, v, -0.98, 0.12, 0.98, 0.2, 0.01) <= 0:
			return look.level(0.05), 1
		}
		return 0, 0
	})
}

// wheel is the level of a wheel at a point, with its hub.
func wheel(u, v, at, radius float64) (float64, bool) {
	d := math.Hypot(u-at, v-radius)
	if d > radius {
		return 0, false
	}
	if d < radius*0.5 {
		return 0.45, true
	}
	return 0.02, true
}

// drive draws a vehicle whose middle is at x, with the shadow under it.
func (c *canvas) drive(s *sprite, x, y float64, left bool) float64 {
	half := float64(s.width) / 2
	c.contact(x, y-0.02*half, half*0.85, half*0.13)
	return c.stamp(s, pose{x: x, y: y, scale: 1, flip: left, still: true})
}

func makeCar(r *rand.Rand, p *Place) (*Clip, error) {
	y := uniform(r, p.size.top+0.3*(p.size.low-p.size.top), p.size.low)
	person := min(p.size.height(y), float64(p.Height)/3)
	car := drawCar(r, p, person)
	half := float64(car.width) / 2
	// 3 to 5 m/s, where a person is 1.7 m high.
	speed := uniform(r, 3, 5) / 1.7 * person / p.FPS
	s := p.crossing(r, int((float64(p.Width)+2*half)/speed)+1)
	left := r.IntN(2) == 0
	return s.clip(p, func(t int, c *canvas) bool {
		x := -half + speed*float64(t-s.first)
		if left {
			x = float64(p.Width) - x
		}
		return c.drive(car, x, y, left) >= minVisible
	}), nil
}

// makeLorry has a lorry drive in, stop for 8 s and drive on.
func makeLorry(r *rand.Rand, p *Place) (*Clip, error) {
	y := uniform(r, p.size.top+0.3*(p.size.low-p.size.top), p.size.low)
	person := min(p.size.height(y), float64(p.Height)/5.5)
	lorry := drawLorry(r, p, person)
	half := float64(lorry.width) / 2
	speed := uniform(r, 3, 4.5) / 1.7 * person / p.FPS
	left := r.IntN(2) == 0
	middle := float64(p.Width) * uniform(r, 0.35, 0.65)
	way := func(n float64) float64 { // from the middle, in so many frames; it starts gently
		ramp := 1.5 * p.FPS
		if n < ramp {
			return speed * n * n / (2 * ramp)
		}
		return speed * (n - ramp/2)
	}
	s := p.window(r, p.frames(8))
	return s.always(p, func(t int, c *canvas) bool {
		x := middle
		switch d := half + middle; {
		case t < s.first:
			x -= way(float64(s.first - t))
			if -x > d {
				return false
			}
		case t >= s.end:
			x += way(float64(t - s.end))
		}
		if left {
			x = float64(p.Width) - x
		}
		c.drive(lorry, x, y, left)
		return false
	}), nil
}
