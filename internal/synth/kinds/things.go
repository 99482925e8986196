package kinds

import (
	"math"
	"math/rand/v2"
)

// drawBag draws a bag or a case.
func drawBag(r *rand.Rand, p *Place, height float64) *sprite {
	look := p.surface()
	tone := uniform(r, 0.02, 0.25)
	if r.IntN(3) == 0 {
		tone = uniform(r, 0.75, 0.95)
	}
	wide := uniform(r, 0.4, 0.75)
	seed := r.Uint64()
	return drawSprite(height, -wide, wide, func(u, v float64) (float64, float64) {
		handle := math.Abs(math.Hypot(u/0.22, (v-0.72)/0.26)-1) < 0.22 && v > 0.72
		if !handle && rounded(u, v, -wide, 0, wide, 0.74, 0.12) > 0 {
			return 0, 0
		}
		// A fold, a seam and a lit upper side.
		light := tone + 0.1*(clouds(seed, 5*u, 5*v, 0)-0.5) + 0.12*ease((v-0.55)/0.2) - 0.08*ease((0.2-v)/0.2)
		if math.Abs(v-0.5) < 0.025 {
			light -= 0.08
		}
		return look.level(max(light, 0)), 1
	})
}

// makeThrown throws something that bounces from one edge of the picture to the other.
func makeThrown(r *rand.Rand, p *Place) (*Clip, error) {
	ground := uniform(r, p.size.top, p.size.low)
	h := p.size.height(ground)
	size := max(uniform(r, 0.16, 0.3)*h, 4)
	look := p.surface()
	tone, wide := r.Float64()*0.15+0.85*float64(r.IntN(2)), uniform(r, 0.35, 0.6)
	thing := drawSprite(size, -wide, wide, func(u, v float64) (float64, float64) {
		if rounded(u, v, -wide, 0, wide, 1, min(wide, 0.5)*0.8) > 0 {
			return 0, 0
		}
		return look.level(tone + 0.15*(v-0.5)), 1
	})
	thing.y -= size / 2 // It turns about its middle.
	// Free fall of somebody of 1.7 m: 9.81 m/s2.
	gravity := 9.81 / 1.7 * h / (p.FPS * p.FPS)
	frames := p.frames(uniform(r, 2, 3))
	s := p.crossing(r, frames)
	vx, spin := (float64(p.Width)+2*size)/float64(frames), uniform(r, 4, 12)/p.FPS
	dir := sign(r)
	// heights of the path: thrown from the shoulder, each bounce has a third of the height before.
	path := make([]float64, s.end-s.first)
	y, vy := 0.9*h, math.Sqrt(2*gravity*uniform(r, 0.4, 1.2)*h)
	for i := range path {
		path[i] = y
		y, vy = y+vy-gravity/2, vy-gravity
		if y < 0 {
			y, vy = -y*0.4, -vy*0.58
		}
	}
	return s.clip(p, func(t int, c *canvas) bool {
		n := t - s.first
		x := -size + vx*float64(n)
		if dir < 0 {
			x = float64(p.Width) - x
		}
		c.contact(x, ground, size*0.5, size*0.15)
		return c.stamp(thing, pose{
			x: x, y: ground - size/2 - path[n], scale: 1, angle: dir * spin * float64(n), flying: true,
		}) >= minVisible
	}), nil
}
