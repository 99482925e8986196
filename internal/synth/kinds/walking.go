package kinds

import (
	"math"
	"math/rand/v2"
)

// pace is how an actor's own way is walked.
type pace struct {
	speed    float64 // of the way, in times the usual; negative from its end to its begin
	limbs    float64 // of the limbs, in the same way; 0 for none
	flip     bool
	abnormal bool
}

// along makes a clip in which an actor comes into the picture, and goes its own way to the other edge.
func along(r *rand.Rand, p *Place, a *actor, how pace) *Clip {
	from, to := a.span(p)
	s := p.crossing(r, int(math.Ceil((to-from)/math.Abs(how.speed))))
	start := from
	if how.speed < 0 {
		start = to
	}
	return s.clip(p, func(t int, c *canvas) bool {
		n := float64(t - s.first)
		_, at := a.pose(p, start+how.speed*n)
		limbs, _, _ := a.at(start + how.limbs*n)
		if how.limbs == 0 {
			limbs = a.poses[a.still]
		} else if how.limbs > 0 && how.speed < 0 {
			limbs, _, _ = a.at(from + how.limbs*n)
		}
		at.flip = how.flip
		return c.stamp(limbs, at) >= minVisible && how.abnormal
	})
}

func makeRunner(r *rand.Rand, p *Place) (*Clip, error) {
	a, err := p.actor(r, anybody)
	if err != nil {
		return nil, err
	}
	return along(r, p, a, pace{speed: 3, limbs: 3, abnormal: true}), nil
}

func makeReversed(r *rand.Rand, p *Place) (*Clip, error) {
	a, err := p.actor(r, anybody)
	if err != nil {
		return nil, err
	}
	return along(r, p, a, pace{speed: -1, limbs: -1, abnormal: true}), nil
}

func makeRides(r *rand.Rand, p *Place) (*Clip, error) {
	a, err := p.actor(r, sideways)
	if err != nil {
		return nil, err
	}
	return along(r, p, a, pace{speed: uniform(r, 1, 1.4), abnormal: true}), nil
}

func makeWalker(r *rand.Rand, p *Place) (*Clip, error) {
	a, err := p.actor(r, anybody)
	if err != nil {
		return nil, err
	}
	return along(r, p, a, pace{speed: 1, limbs: 1}), nil
}

// makeAgainst mirrors somebody who walks with most others.
func makeAgainst(r *rand.Rand, p *Place) (*Clip, error) {
	stream := 0.0
	for _, walk := range p.walks {
		first, last := walk.boxes[0], walk.last()
		stream += float64(last.left + last.right - first.left - first.right)
	}
	a, err := p.actor(r, func(a *actor) bool { return sideways(a) && a.vx*stream > 0 })
	if err != nil {
		return nil, err
	}
	return along(r, p, a, pace{speed: -1, limbs: 1, flip: true, abnormal: true}), nil
}

// makeOffPath leads somebody across the picture in the rows where least moves, of those where people could walk.
func makeOffPath(r *rand.Rand, p *Place) (*Clip, error) {
	a, err := p.actor(r, sideways)
	if err != nil {
		return nil, err
	}
	y := p.quietRow(r, a.height)
	scale := p.size.height(y) / a.height
	speed := max(math.Hypot(a.vx, a.vy), 0.1*a.height/p.FPS) * scale
	right := a.vx > 0
	flip := r.IntN(2) == 0
	if flip {
		right = !right
	}
	margin := a.height * scale / 2
	s := p.crossing(r, int((float64(p.Width)+2*margin)/speed))
	return s.clip(p, func(t int, c *canvas) bool {
		n := float64(t - s.first)
		x := -margin + speed*n
		if !right {
			x = float64(p.Width) + margin - speed*n
		}
		limbs, _, _ := a.at(n)
		return c.stamp(limbs, pose{x: x, y: y, scale: scale, flip: flip}) >= minVisible
	}), nil
}

// maxLarger bounds how much a cut-out grows.
const maxLarger = 1.7

// quietRow is a row for the feet of somebody in which little moves, between a little above the highest feet and the
// lower edge.
func (p *Place) quietRow(r *rand.Rand, height float64) float64 {
	g := p.grid
	sums := make([]float64, g.rows+1) // of the rows above
	for i, b := range p.busy {
		sums[i/g.cols+1] += float64(b)
	}
	for i := range g.rows {
		sums[i+1] += sums[i]
	}
	best, least := p.size.low, math.Inf(1)
	top := max(p.size.top-height*0.4, height*1.1)
	for y := top; y < float64(p.Height-2); y += float64(g.cell) {
		if p.size.height(y) > maxLarger*height {
			break // Its cut-out would be a blur.
		}
		low := min(int(y)/g.cell, g.rows)
		high := max(int(y-p.size.height(y)*0.5)/g.cell, 0)
		moves := (sums[low] - sums[high]) / float64(max(low-high, 1)*g.cols)
		if moves += 0.004 * r.Float64(); moves < least {
			least, best = moves, y
		}
	}
	return best
}
