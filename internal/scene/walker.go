package scene

import "math"

// walker is a person's walk along the street. Times are in seconds of stream time.
type walker struct {
	body
	from    float64 // When the walk begins, out of view.
	x, z    float64 // Where it begins.
	heading float64
	way     float64 // Length of the walk in metres.
	speed   float64 // In metres a second.
	pauseAt float64 // Metres walked before the pause.
	pause   float64 // Duration in seconds; 0 for no pause.
	phase   float64
}

// People and vehicles keep to bands of the street, in metres from the camera. Vehicles use the middle, where the two
// bands of walkers overlap in the frame anyway.
var walkBands = [2][2]float64{{16.2, 18}, {19.5, 21.2}}

const (
	vehicleLane = 18.75
	// margin is how far outside the frame, in metres, people appear, so that their shadow is not visible.
	margin = 1.2
)

// until is the time at which the walk ends.
func (w *walker) until() float64 { return w.from + w.way/w.speed + w.pause }

// progress returns the metres walked at time t, and the scale of the legs' swing: 1 walks, 0 stands.
func (w *walker) progress(t float64) (way, fade float64) {
	t -= w.from
	stop := w.pauseAt / w.speed
	if w.pause == 0 || t < stop-slowing {
		return t * w.speed, 1
	}
	if t > stop+w.pause+slowing {
		return (t - w.pause) * w.speed, 1
	}
	// Decelerating evenly covers half the distance in the same time, so the position is continuous at both ends of the
	// pause if half of the deceleration counts as standing.
	if t < stop+slowing {
		into := (t - stop + slowing) / (2 * slowing)
		return w.pauseAt - w.speed*slowing*(1-into)*(1-into), 1 - smoothstep(into)
	}
	if back := (t - stop - w.pause + slowing) / (2 * slowing); back > 0 {
		return w.pauseAt + w.speed*slowing*back*back, smoothstep(back)
	}
	return w.pauseAt, 0
}

// slowing is half the time in seconds that a walker takes to stop.
const slowing = 0.35

// pose is the walker's pose at time t.
func (w *walker) pose(t float64) pose {
	way, fade := w.progress(t)
	p := w.walking(way, w.speed, fade)
	p.phase += w.phase
	if fade < 1 {
		// A standing person still moves a little.
		p.lean += (1 - fade) * 0.03 * math.Sin(1.3*t+w.phase)
		p.raise += (1 - fade) * 0.12 * (1 + math.Sin(0.7*t+2*w.phase))
	}
	w.place(&p, way)
	return p
}

// place moves a pose to the point way metres along the walk.
func (w *walker) place(p *pose, way float64) {
	s, c := math.Sincos(w.heading)
	p.x, p.z, p.heading = w.x+way*c, w.z+way*s, w.heading
}

// across sends the walker across the whole view at distance z, to the right (1) or to the left (-1), moving drift
// metres away (nearer if negative).
func (w *walker) across(cam *camera, z, dir, drift float64) {
	half := cam.halfView(z+max(0, drift)) + margin
	w.x, w.z = -dir*half, z
	w.heading = math.Atan2(drift, dir*2*half)
	w.way = math.Hypot(2*half, drift)
}
