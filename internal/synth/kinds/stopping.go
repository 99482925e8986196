package kinds

import (
	"math"
	"math/rand/v2"
	"slices"
)

// stop is somebody who comes his way, does something at a spot from the span's first frame to its end, and walks on.
type stop struct {
	span
	p    *Place
	a    *actor
	when float64 // the actor's time at the spot
}

func newStop(r *rand.Rand, p *Place, seconds float64) (stop, error) {
	a, err := p.actor(r, sideways)
	if err != nil {
		return stop{}, err
	}
	when := a.spot(r, p)
	return stop{p.window(r, p.frames(seconds)), p, a, when}, nil
}

// walk draws the way to the spot and from it on.
func (s *stop) walk(t int, c *canvas) {
	when := s.when + float64(t-s.first)
	if t >= s.end {
		when = s.when + float64(t-s.end)
	}
	sprite, at := s.a.pose(s.p, when)
	c.stamp(sprite, at)
}

func makeStands(r *rand.Rand, p *Place) (*Clip, error) {
	s, err := newStop(r, p, 20)
	if err != nil {
		return nil, err
	}
	phase := uniform(r, 0, 2*math.Pi)
	return s.always(p, func(t int, c *canvas) bool {
		if !s.in(t) {
			s.walk(t, c)
			return false
		}
		_, at := s.a.pose(p, s.when)
		// Nobody stands like a post.
		at.angle = 0.012 * math.Sin(phase+float64(t)/p.FPS*1.3)
		at.still = true
		return c.stamp(s.a.poses[s.a.still], at) >= minVisible
	}), nil
}

const (
	fallSeconds = 0.7
	riseSeconds = 1.2
	lieSeconds  = 8.0
)

func makeFall(r *rand.Rand, p *Place) (*Clip, error) {
	s, err := newStop(r, p, fallSeconds+lieSeconds+riseSeconds)
	if err != nil {
		return nil, err
	}
	down := uniform(r, 1.45, 1.65)
	if s.a.vx < 0 {
		down = -down
	}
	return s.always(p, func(t int, c *canvas) bool {
		if !s.in(t) {
			s.walk(t, c)
			return false
		}
		sprite, at := s.a.pose(p, s.when)
		fallen := min(float64(t-s.first+1)/(fallSeconds*p.FPS), 1)
		risen := min(float64(s.end-t)/(riseSeconds*p.FPS), 1)
		// A fall speeds up, rising does not.
		share := min(fallen*fallen, ease(risen))
		at.angle = down * share
		// Lying, the side of the body is on the ground, not its middle.
		at.y -= math.Abs(math.Sin(at.angle)) * sprite.halfWidth() * at.scale
		at.still = share == 1
		if share > 0 {
			c.contact(at.x+math.Sin(at.angle)*s.a.height*at.scale/2, at.y+sprite.halfWidth()*at.scale,
				s.a.height*at.scale*0.5*max(share, 0.2), s.a.height*at.scale*0.08)
		}
		return c.stamp(sprite, at) >= minVisible
	}), nil
}

// halfWidth is half of the width of a sprite's body.
func (s *sprite) halfWidth() float64 { return s.mass / float64(s.height) / 2 }

// contact draws the soft shadow under something that touches the ground: an ellipse.
func (c *canvas) contact(x, y, a, b float64) {
	for py := max(int(y-2*b), 0); py < min(int(y+2*b)+1, c.p.Height); py++ {
		for px := max(int(x-2*a), 0); px < min(int(x+2*a)+1, c.p.Width); px++ {
			d := math.Hypot((float64(px)-x)/a, (float64(py)-y)/b)
			i := py*c.p.Width + px
			c.level(i, float64(c.pix[i])*(1-0.4*ease(1.4-d)))
		}
	}
}

// makeLeft has somebody put down a bag and walk on, and somebody else take it.
func makeLeft(r *rand.Rand, p *Place) (*Clip, error) {
	s, err := newStop(r, p, 10)
	if err != nil {
		return nil, err
	}
	taker, err := p.actor(r, sideways)
	if err != nil {
		return nil, err
	}
	_, spot := s.a.pose(p, s.when)
	spot.still = true
	bag := drawBag(r, p, uniform(r, 0.28, 0.4)*s.a.height)
	after := passer{taker, spot.x, spot.y, p.size.height(spot.y) / taker.height, false}
	return s.always(p, func(t int, c *canvas) bool {
		visible := 0.0
		if s.in(t) {
			c.contact(spot.x, spot.y, bag.halfWidth()*spot.scale*1.2, bag.halfWidth()*spot.scale*0.35)
			visible = c.stamp(bag, spot)
		}
		mark := slices.Clone(c.mask)
		sprite, owner := s.a.pose(p, s.when+float64(t-s.first))
		c.stamp(sprite, owner)
		after.draw(c, float64(t-s.end))
		copy(c.mask, mark)
		return visible >= minVisible
	}), nil
}

// passer is somebody who walks straight through a spot, at time 0.
type passer struct {
	a           *actor
	x, y, scale float64
	flip        bool
}

func (w *passer) draw(c *canvas, when float64) {
	limbs, _, _ := w.a.at(when + float64(len(w.a.poses))/2)
	vx := w.a.vx
	if w.flip {
		vx = -vx
	}
	c.stamp(limbs, pose{x: w.x + vx*w.scale*when, y: w.y, scale: w.scale, flip: w.flip})
}

// makeFight lets two people meet, jerk about each other and part.
func makeFight(r *rand.Rand, p *Place) (*Clip, error) {
	s, err := newStop(r, p, 6)
	if err != nil {
		return nil, err
	}
	other, err := p.actor(r, sideways)
	if err != nil {
		return nil, err
	}
	_, spot := s.a.pose(p, s.when)
	scale := p.size.height(spot.y) / other.height
	seed := r.Uint64()
	// The other comes from where the first is going.
	gap := 0.33 * s.a.height * math.Copysign(1, s.a.vx)
	comes := passer{other, spot.x + gap, spot.y + 1, scale, other.vx*s.a.vx > 0}
	return s.always(p, func(t int, c *canvas) bool {
		if !s.in(t) {
			s.walk(t, c)
			n := t - s.first
			if t >= s.end {
				n = t - s.end
			}
			comes.draw(c, float64(n))
			return false
		}
		now := float64(t-s.first) / p.FPS
		share := 0.0
		for n, a := range []*actor{s.a, other} {
			jerk := func(k int) float64 {
				return 2*clouds(seed+uint64(10*n+k), 4.5*now, 0,
					0) - 1
			} //nolint:gosec // 0 or 1.
			side := float64(n) * gap
			turn := 2 * math.Pi * (clouds(seed, 0.7*now, 0, 0) - 0.5)
			h := s.a.height * spot.scale
			at := pose{
				x: spot.x + gap/2 + (side-gap/2)*math.Cos(turn) + 0.16*h*jerk(1), y: spot.y + float64(n) +
					0.04*h*jerk(2),
				scale: scale * (1 + 0.04*jerk(3)), angle: 0.35 * jerk(4),
				flip: clouds(seed+uint64(n), now, 1, 0) > 0.5, //nolint:gosec // 0 or 1.
			}
			if n == 0 {
				at.scale = spot.scale * (1 + 0.04*jerk(3))
			}
			limbs := a.poses[int(clouds(seed+uint64(n), 5*now, 2, 0)*float64(len(a.poses)-1))] //nolint:gosec // 0 or 1.
			share += c.stamp(limbs, at) / 2
		}
		return share >= minVisible
	}), nil
}
