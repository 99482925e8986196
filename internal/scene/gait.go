package scene

import "math"

// walking is the pose of a person who has walked way metres at a constant speed in metres a second. fade scales the
// swing: 1 walks, 0 stands.
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

// running is the pose of a runner: longer, faster steps with a flight phase, bent arms, a trunk that leans.
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

// stride is the length of two steps in metres at perSecond strides a second, for a person of average height. Small
// people take shorter and quicker strides.
func (b *body) stride(speed, perSecond float64) float64 {
	return speed / perSecond * math.Sqrt(b.height/1.75)
}

// smoothstep goes from 0 at t=0 to 1 at t=1 with zero slope at both ends, and is constant outside.
func smoothstep(t float64) float64 {
	t = max(0, min(1, t))
	return t * t * (3 - 2*t)
}
