package kinds

import (
	"fmt"
	"math"
	"math/rand/v2"
)

const (
	// Lengths of a loop of poses in seconds, which continues a walk beyond what was seen: one or two steps.
	minLoop, maxLoop = 0.7, 1.6
	// goodActors is how many of the longest walks are chosen from.
	goodActors = 8
	// briskSeconds is how long somebody takes through the picture at most, unless all are slower.
	briskSeconds = 20
	// maxWayOut bounds how long somebody is on the way from or to the edge of the picture, in seconds.
	maxWayOut = 30
)

// actor is somebody who walked through the recording. Time runs in frames, from 0 at the first pose.
type actor struct {
	poses         []*sprite
	x, y          []float64 // of the feet
	vx, vy        float64   // pixels per frame
	before, after int       // lengths of the loops of poses before the first and after the last
	height        float64   // pixels
	still         int       // the pose with the legs together
}

// actor returns somebody whom a condition suits, who crosses the picture briskly, and whose way on from where it was
// seen leads where people walk, drawn from the longest walks; if there is nobody like that, who meets most of the
// three.
func (p *Place) actor(r *rand.Rand, suits func(a *actor) bool) (*actor, error) {
	var ranks [4][]*actor
	for n := range min(len(p.walks), 4*goodActors) {
		a := p.actorOf(n)
		from, to := a.span(p)
		rank := 0
		for _, good := range []bool{suits(a), to-from <= briskSeconds*p.FPS, a.staysOnPath(p, from, to)} {
			if !good {
				rank++
			}
		}
		ranks[rank] = append(ranks[rank], a)
	}
	for _, found := range ranks {
		if len(found) > 0 {
			return found[r.IntN(min(len(found), goodActors))], nil
		}
	}
	return nil, fmt.Errorf("%w: nobody walks through the recording, seen whole for %.1f s", errNobody, minWalk)
}

func anybody(*actor) bool { return true }

// sideways reports whether somebody walks rather across the picture than towards the camera.
func sideways(a *actor) bool { return math.Abs(a.vx) > 1.5*math.Abs(a.vy) }

func (p *Place) actorOf(n int) *actor {
	if a := p.actors[n]; a != nil {
		return a
	}
	walk := p.walks[n]
	a := &actor{}
	for _, b := range walk.boxes {
		a.x = append(a.x, float64(b.left+b.right)/2)
		a.y = append(a.y, float64(b.bottom))
	}
	a.x, a.y = smooth(a.x, p.frames(0.5)), smooth(a.y, p.frames(0.5))
	a.height, _ = walk.medianSize()
	for i, b := range walk.boxes {
		a.poses = append(a.poses, p.cutOut(walk.from+i, b, a.x[i], a.y[i]))
	}
	last := len(a.x) - 1
	a.vx, a.vy = (a.x[last]-a.x[0])/float64(last), (a.y[last]-a.y[0])/float64(last)
	low, high := min(max(p.frames(minLoop), 2), last), min(max(p.frames(maxLoop), 3), last)
	best, other := math.Inf(1), math.Inf(1)
	for n := low; n <= high; n++ {
		if d := unlike(a.poses[last], a.poses[last-n]); d < best {
			best, a.after = d, n
		}
		if d := unlike(a.poses[0], a.poses[n]); d < other {
			other, a.before = d, n
		}
	}
	narrow := math.Inf(1)
	for i, s := range a.poses {
		if spread := s.spread(); spread < narrow && i > 0 && i < last {
			narrow, a.still = spread, i
		}
	}
	p.actors[n] = a
	return a
}

// smooth is a running mean; near the ends it is over fewer values, the same number on both sides.
func smooth(values []float64, radius int) []float64 {
	out := make([]float64, len(values))
	for i := range values {
		n := min(radius, i, len(values)-1-i)
		for _, v := range values[i-n : i+n+1] {
			out[i] += v / float64(2*n+1)
		}
	}
	return out
}

// silhouette is a sprite's opacity in a raster around its point on the ground.
func (s *sprite) silhouette() (out [12 * 16]float64) {
	for i, a := range s.alpha {
		u := (float64(i%s.width)-s.x)/float64(s.height)*10 + 6
		v := float64(i/s.width) / float64(s.height) * 16
		if u >= 0 && u < 12 {
			out[int(v)*12+int(u)] += float64(a) / (s.mass + 1)
		}
	}
	return out
}

func unlike(a, b *sprite) (sum float64) {
	p, q := a.silhouette(), b.silhouette()
	for i := range p {
		sum += math.Abs(p[i] - q[i])
	}
	return sum
}

// spread is how far the lower third of a sprite is spread, in pixels.
func (s *sprite) spread() float64 {
	var sum, mean, square float64
	for i := s.height * 2 / 3 * s.width; i < len(s.alpha); i++ {
		x, a := float64(i%s.width), float64(s.alpha[i])
		sum, mean, square = sum+a, mean+a*x, square+a*x*x
	}
	if sum < 1 {
		return math.Inf(1)
	}
	return math.Sqrt(max(square/sum-mean*mean/(sum*sum), 0))
}

// at is the pose and the place of the feet at a time; outside of what was seen somebody walks straight on.
func (a *actor) at(t float64) (s *sprite, x, y float64) {
	last := len(a.poses) - 1
	n := int(math.Floor(t))
	switch {
	case t < 0:
		return a.poses[wrap(n, a.before)], a.x[0] + a.vx*t, a.y[0] + a.vy*t
	case n >= last:
		over := t - float64(last)
		return a.poses[last-a.after+wrap(n-last, a.after)], a.x[last] + a.vx*over, a.y[last] + a.vy*over
	}
	f := t - float64(n)
	return a.poses[n], a.x[n]*(1-f) + a.x[n+1]*f, a.y[n]*(1-f) + a.y[n+1]*f
}

// wrap is n modulo m, from 0 to m-1.
func wrap(n, m int) int { return (n%m + m) % m }

// span is the time in which something of the actor is in the picture.
func (a *actor) span(p *Place) (from, to float64) {
	inside := func(t float64) bool {
		_, x, y := a.at(t)
		h := a.height
		return x > -h/2 && x < float64(p.Width)+h/2 && y > 0 && y < float64(p.Height)+1.1*h
	}
	limit := maxWayOut * p.FPS
	for from > -limit && inside(from-1) {
		from--
	}
	to = float64(len(a.poses) - 1)
	for to < limit && inside(to+1) {
		to++
	}
	return from, to
}

// staysOnPath reports whether the feet stay in the rows where feet were seen. Where people come that near that their
// feet leave the picture, they may do so too.
func (a *actor) staysOnPath(p *Place, from, to float64) bool {
	height := float64(p.Height)
	margin := height / 16
	for t := from; t <= to; t++ {
		_, x, y := a.at(t)
		if x < 0 || x >= float64(p.Width) {
			continue
		}
		if y < p.size.top-margin || y > p.size.low+margin && p.size.low < 0.85*height {
			return false
		}
	}
	return true
}

// pose is how the actor looks at a time, larger where it walks nearer than it was seen.
func (a *actor) pose(p *Place, t float64) (*sprite, pose) {
	s, x, y := a.at(t)
	n := min(max(int(t), 0), len(a.y)-1)
	return s, pose{x: x, y: y, scale: p.size.height(y) / p.size.height(a.y[n])}
}

// spot is a time at which the actor is well inside the picture.
func (a *actor) spot(r *rand.Rand, p *Place) float64 {
	from, to := a.span(p)
	var good []float64
	for t := from; t <= to; t++ {
		_, x, y := a.at(t)
		if h := a.height; x > h && x < float64(p.Width)-h && y > h*1.05 && y < float64(p.Height)-h/8 {
			good = append(good, t)
		}
	}
	if len(good) == 0 {
		return float64(len(a.poses) / 2)
	}
	// In the middle third somebody has come from somewhere and has somewhere to go.
	third := len(good) / 3
	return good[third+r.IntN(len(good)-2*third)]
}
