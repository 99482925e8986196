package scene

import (
	"math"
	"math/rand/v2"
)

// fall is a person's fall; durations in seconds.
type fall struct {
	down, lying, up float64
	back            bool // On the back instead of the face.
}

func newFall(r *rand.Rand) fall {
	return fall{uniform(r, 0.6, 0.85), uniform(r, 3.5, 6), uniform(r, 1.6, 2.2), r.Float64() < 0.3}
}

func (f *fall) length() float64 { return f.down + f.lying + f.up }

// falling is the pose of a person who walks, falls, lies for a while, gets up and walks on.
func (in *incident) falling(t float64) pose {
	since := t - in.begin
	length := in.fall.length()
	var way float64
	switch {
	case since < 0:
		way = in.pauseAt + since*in.speed
	case since < length:
		way = in.pauseAt
	default:
		way = in.pauseAt + (since-length)*in.speed
	}
	down := in.fallen(since)
	p := in.walking(way, in.speed, 1-0.6*down)
	p.phase += in.phase
	in.place(&p, way)
	if since <= 0 || since >= length {
		return p
	}
	// The knees bend most half way down or up; on the ground one leg stays slightly bent.
	bent := 4 * down * (1 - down)
	p.crouch = 0.75*bent + 0.12*down
	p.tilt = math.Pi / 2 * down
	p.raise = bent + 2.6*down
	p.lean += 0.35 * bent
	if in.fall.back {
		p.raise = 1.5*bent + 0.2*down
		p.tilt = -p.tilt
		p.lean = -p.lean
	}
	// A person on the ground moves a hand or a knee now and then.
	restless := down * max(0, math.Sin(1.9*since+in.phase)) * max(0, math.Sin(0.8*since))
	p.raise += 0.35 * restless
	p.crouch += 0.1 * restless
	return p
}

// fallen goes from 0, upright, to 1, on the ground, and back. The fall accelerates; getting up is slow.
func (in *incident) fallen(since float64) float64 {
	f := &in.fall
	switch {
	case since <= 0:
		return 0
	case since < f.down:
		return (since / f.down) * (since / f.down)
	case since < f.down+f.lying:
		return 1
	default:
		return 1 - smoothstep((since-f.down-f.lying)/f.up)
	}
}
