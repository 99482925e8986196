package kinds

import (
	"math"
	"math/rand/v2"
)

// makeFlying lets a bird or a drone cross the upper half of the picture.
func makeFlying(r *rand.Rand, p *Place) (*Clip, error) {
	if r.IntN(2) == 0 {
		return makeBird(r, p), nil
	}
	return makeDrone(r, p), nil
}

// wingPhases is the number of drawings of a wingbeat.
const wingPhases = 8

func makeBird(r *rand.Rand, p *Place) *Clip {
	look := p.surface()
	size := max(uniform(r, 0.35, 0.65)*p.size.middle, 8)
	tone := uniform(r, 0, 0.15)
	var poses []*sprite
	for n := range wingPhases {
		lift := math.Sin(2 * math.Pi * float64(n) / wingPhases)
		poses = append(poses, drawSprite(size, -1, 1, func(u, v float64) (float64, float64) {
			v -= 0.5
			body := math.Hypot(u/0.34, v/0.1) < 1
			head := math.Hypot(u-0.34, v-0.03) < 0.08
			tail := u < -0.28 && u > -0.52 && math.Abs(v) < 0.05-0.1*(u+0.28)
			// Two wings seen from the side: triangles that rise and sink from the back.
			wing := false
			if tip := 0.46 * lift; math.Abs(tip) > 0.02 {
				f := v / tip
				wing = f > 0 && f < 1 && math.Abs(u+0.1*f) < 0.22*(1-0.8*f)
			}
			if body || head || tail || wing {
				return look.level(tone + 0.15*v), 1
			}
			return 0, 0
		}))
	}
	frames := p.frames(uniform(r, 2.5, 5))
	s := p.crossing(r, frames)
	beat := uniform(r, 3, 5) / p.FPS * wingPhases
	y, seed, left := float64(p.Height)*uniform(r, 0.12, 0.42), r.Uint64(), r.IntN(2) == 0
	wave := 0.12 * float64(p.Height)
	return s.clip(p, func(t int, c *canvas) bool {
		n := float64(t - s.first)
		x := -size + (float64(p.Width)+2*size)*n/float64(frames)
		if left {
			x = float64(p.Width) - x
		}
		dy := wave * (clouds(seed, n/p.FPS*0.9, 0, 0) - 0.5)
		share := c.stamp(poses[int(n*beat)%wingPhases], pose{
			x: x, y: max(y+dy, size/2) + size/2, scale: 1, flip: left, flying: true,
		})
		return share >= minVisible
	})
}

func makeDrone(r *rand.Rand, p *Place) *Clip {
	look := p.surface()
	size := max(uniform(r, 0.3, 0.5)*p.size.middle, 8)
	tone := uniform(r, 0, 0.2)
	poses := make([]*sprite, 2)
	for n := range poses {
		poses[n] = drawSprite(size, -1, 1, func(u, v float64) (float64, float64) {
			side := math.Abs(u)
			switch {
			case rounded(u, v, -0.3, 0.3, 0.3, 0.62, 0.12) <= 0, math.Abs(v-0.55-0.1*side) < 0.04 && side < 0.8,
				math.Abs(side-0.22-0.3*(0.3-v)) < 0.03 && v > 0.08 && v < 0.32,
				math.Abs(side-0.78) < 0.05 && v > 0.55 && v < 0.74:
				return look.level(tone), 1
			case math.Abs(v-0.76) < 0.04 && math.Abs(side-0.72) < 0.27: // turning rotors are transparent
				return look.level(tone + 0.1), 0.35 + 0.3*float64(n)
			}
			return 0, 0
		})
	}
	frames := p.frames(uniform(r, 5, 8))
	s := p.crossing(r, frames)
	y, seed, left := float64(p.Height)*uniform(r, 0.12, 0.4), r.Uint64(), r.IntN(2) == 0
	return s.clip(p, func(t int, c *canvas) bool {
		n := float64(t - s.first)
		share := n / float64(frames)
		share += 0.06 * math.Sin(4*math.Pi*share) // It hovers now and then.
		x := -size + (float64(p.Width)+2*size)*share
		if left {
			x = float64(p.Width) - x
		}
		dy := 0.15 * float64(p.Height) * (clouds(seed, n/p.FPS*0.5, 0, 0) - 0.5)
		tilt := 0.2 * (clouds(seed, n/p.FPS, 5, 0) - 0.5)
		return c.stamp(poses[t%2], pose{
			x: x, y: max(y+dy, size/2) + size/2, scale: 1, flip: left, angle: tilt, flying: true,
		}) >= minVisible
	})
}
