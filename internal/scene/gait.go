package scene

import "math"

// walking is the pose of somebody who has come way metres at a steady speed in metres a second. fade takes the
// swing out of it: 1 walks, 0 stands.
func (b *body) walking(way, speed, fade float64) pose {
	stride := b.stride(speed, 0.62+0.27*speed)
	return pose{
		phase: 2 * math.Pi * way / stride,
		swing: fade * stride / (4.6 * 0.47 * b.height),
		knee:  fade * 0.95,
		arm:   fade * 0.3 * speed,
		elbow: 0.25,
		lean:  0.04,
	}
}

// running is the same for a runner: longer, faster steps with a flight between them, bent arms, a trunk that leans.
func (b *body) running(way, speed float64) pose {
	stride := b.stride(speed, 1.45)
	return pose{
		phase: 2 * math.Pi * way / stride,
		swing: min(0.8, stride/(4.6*0.47*b.height)),
		knee:  1.6,
		arm:   0.75,
		elbow: 1.5,
		lean:  0.2,
		hop:   0.07,
	}
}

// stride is the length in metres of two steps, for somebody of average height who makes so many of them a second.
// Small people take shorter and quicker ones.
func (b *body) stride(speed, perSecond float64) float64 {
	return speed / perSecond * math.Sqrt(b.height/1.75)
}

// smoothstep goes from 0 at t=0 to 1 at t=1 without a jolt, and stays there.
func smoothstep(t float64) float64 {
	t = max(0, min(1, t))
	return t * t * (3 - 2*t)
}
