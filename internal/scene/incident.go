package scene

import (
	"math"
	"time"
)

// incident is one anomaly with everything that is drawn for it. Times are in seconds of stream time.
type incident struct {
	walker // Its path; for a runner and a fall also its body.
	kind   Kind
	bike   cyclist
	cart   cart
	dir    float64
	fall   fall
	// begin and end delimit the abnormal time; a person who falls walks normally before and after.
	begin, end float64
}

// newIncident prepares the index-th moment.
func (s *Street) newIncident(index int, m Moment) incident {
	r := rngFor(s.cfg.daySeed(), rngMoment, 2*index)
	in := incident{kind: m.Kind, dir: 1}
	if r.IntN(2) == 0 {
		in.dir = -1
	}
	in.body = newBody(s.cfg.daySeed(), rngMoment, 2*index+1)
	in.phase = uniform(r, 0, 2*math.Pi)
	band := walkBands[r.IntN(2)]
	z := uniform(r, band[0]+0.2, band[1]-0.2)
	// ahead is the distance from the centre to the foremost point.
	ahead := 0.4
	switch m.Kind {
	case Cyclist:
		z, ahead, in.speed = vehicleLane+uniform(r, -0.3, 0.3), 0.95, uniform(r, 3.8, 4.8)
		in.height = max(in.height, 1.6)
		in.bike = cyclist{in.body, tops[r.IntN(len(tops))]}
	case Cart:
		z, ahead, in.speed = vehicleLane, cartLength/2, uniform(r, 3.1, 3.9)
		in.cart = cart{in.body, []rgb{{196, 196, 188}, {74, 104, 84}, {164, 60, 48}, {70, 86, 120}}[r.IntN(4)]}
	case Runner:
		in.speed = uniform(r, 3.4, 4.2)
		in.height = max(in.height, 1.6)
		in.coat = false
	case Fall:
		in.speed = uniform(r, 1.1, 1.5)
	}
	in.across(&s.camera, z, in.dir, 0)
	if m.Kind == Cyclist || m.Kind == Cart {
		// Vehicles are longer than people and start farther outside.
		in.x -= in.dir * ahead
		in.way += 2 * ahead
	}
	at := m.At.Seconds()
	edge := -in.dir * s.camera.halfView(z)
	in.from = at - (math.Abs(in.x-edge)-ahead)/in.speed
	in.begin, in.end = in.from, in.until()
	if m.Kind == Fall {
		in.fall = newFall(r)
		in.pauseAt = in.way * uniform(r, 0.32, 0.6)
		in.from = at - in.pauseAt/in.speed
		in.pause = in.fall.length()
		in.begin, in.end = at, at+in.pause
	}
	return in
}

// figure draws the incident at time t, with the parts appended to parts.
func (in *incident) figure(t float64, parts []part) figure {
	way := (t - in.from) * in.speed
	switch in.kind {
	case Cyclist:
		return in.bike.figure(in.x+in.dir*way, in.z, in.dir, way, parts)
	case Cart:
		return in.cart.figure(in.x+in.dir*way, in.z, in.dir, way, parts)
	case Runner:
		p := in.running(way, in.speed)
		p.phase += in.phase
		in.place(&p, way)
		return in.body.figure(p, parts)
	default:
		return in.body.figure(in.falling(t), parts)
	}
}

// incidents calls yield for every incident that may be visible at time t.
func (s *Street) incidents(t float64, yield func(*incident)) {
	for i := range s.script {
		if in := &s.script[i]; in.from <= t && t < in.until() {
			yield(in)
		}
	}
	if s.cfg.Rate == 0 {
		return
	}
	period := 60 / s.cfg.Rate
	for index := int((t - maxWalk) / period); index <= int((t+maxWalk)/period); index++ {
		if index < 0 {
			continue
		}
		if in := s.newIncident(index, s.moment(index)); in.from <= t && t < in.until() {
			yield(&in)
		}
	}
}

// moment is the index-th anomaly of a street with a Rate. Each period contains one, early enough to end before the next
// period begins.
func (s *Street) moment(index int) Moment {
	const longest = 12
	period := 60 / s.cfg.Rate
	bag := rngFor(s.cfg.daySeed(), rngKinds, index/int(kinds)).Perm(int(kinds))
	at := float64(index)*period + uniform(rngFor(s.cfg.daySeed(), rngKinds, -1-index), 1, period-longest)
	return Moment{Kind(bag[index%int(kinds)]), time.Duration(at * float64(time.Second))}
}
