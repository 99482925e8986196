package kinds

import (
	"math"
	"math/rand/v2"
)

// makeFlames lights a fire on the ground: a body of flames that licks upwards and lights what is around it, and smoke.
func makeFlames(r *rand.Rand, p *Place) (*Clip, error) {
	y := uniform(r, p.size.top, p.size.low)
	h := max(uniform(r, 0.7, 1.3)*p.size.height(y), 8)
	x := uniform(r, h, max(float64(p.Width)-h, h+1))
	seed := r.Uint64()
	s := p.window(r, p.frames(10))
	ramp := p.frames(1.5)
	return s.clip(p, func(t int, c *canvas) bool {
		now, size := float64(t)/p.FPS, 0.25+0.75*s.share(t, ramp)
		tall := h * size
		glow := 0.8 + 0.4*clouds(seed+9, 7*now, 0, 0)
		marked := 0
		c.around(x, y, 1.3*tall, 2.1*tall, 0.7*tall, func(i int, dx, dy float64) {
			u, v := dx/tall, -dy/tall
			old := float64(c.pix[i])
			// Smoke rises above the flames and drifts.
			smoke := 0.45 * ease((v-0.3)/0.8) * ease((2.2-v)/1.2) * ease(1.2-math.Abs(u-0.25*v)/(0.25+0.3*max(v, 0)))
			if smoke > 0.01 {
				smoke *= clouds(seed+5, 3*u, 2.2*v-1.2*now, 0.4*now)
				old += (120 - old) * smoke
			}
			// Light on the ground and on everything near.
			old += 55 * glow * math.Exp(-3*(u*u+0.8*v*v))
			// The flame: wide below, torn above, rising by its noise.
			if math.Abs(u) > 0.7 || v < -0.3 || v > 1.3 {
				c.level(i, old)
				return
			}
			wave := 0.3 * v * (clouds(seed+7, 1.5*v-2.5*now, now, 0) - 0.5)
			shape := 1 - math.Abs(u-wave)/(0.36*math.Sqrt(max(1.05-v, 0))+0.01) - 0.25*v*v
			heat := shape + 2.2*(rough(seed, 4.5*u, 3*v-3.2*now, 1.1*now)-0.55)
			if v < 0 {
				heat -= 8 * -v
			}
			f := ease(1.6 * heat)
			inner := clouds(seed+11, 8*u, 6*v-4.5*now, 2*now)
			c.level(i, old+(140+90*inner+60*glow*min(heat, 0.7)-old)*f)
			if f > 0.4 {
				c.mask[i] = true
				marked++
			}
		})
		return marked > 0
	}), nil
}

// around calls f for the pixels about a point, at most side to its left and right, up above and down below.
func (c *canvas) around(x, y, side, up, down float64, f func(i int, dx, dy float64)) {
	for py := max(int(y-up), 0); py < min(int(y+down)+1, c.p.Height); py++ {
		for px := max(int(x-side), 0); px < min(int(x+side)+1, c.p.Width); px++ {
			f(py*c.p.Width+px, float64(px)-x, float64(py)-y)
		}
	}
}
