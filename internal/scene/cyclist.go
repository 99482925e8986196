package scene

import "math"

// cyclist is a person on a bicycle; lengths in metres, relative to the ground below the bottom bracket.
type cyclist struct {
	body
	frame rgb
}

const (
	wheelRadius = 0.34
	rearAxle    = -0.45
	frontAxle   = 0.6
	crankHeight = 0.29
	crank       = 0.17
	// gearing is the distance in metres per turn of the cranks.
	gearing = 3.4
)

func (c *cyclist) figure(x, z, dir, way float64, parts []part) figure {
	f := figure{parts: parts, z: z}
	at := func(a, y, b float64) vec { return vec{x + dir*a, y, z + b} }
	h := c.height / 1.75
	// The legs are half a turn apart; the near one is drawn over the frame.
	turn := 2 * math.Pi * way / gearing
	hip, shoulder := at(-0.2, 0.98*h, 0), at(0.2, 1.42*h, 0)
	c.leg(&f, at, h, turn+math.Pi, 0.07, 0.8)
	wheel(&f, at, rearAxle, way)
	wheel(&f, at, frontAxle, way)
	bars := [...][4]float64{
		{rearAxle, wheelRadius, 0, crankHeight},
		{0, crankHeight, -0.2, 0.9},
		{-0.2, 0.85, rearAxle, wheelRadius},
		{-0.16, 0.75, 0.44, 0.85},
		{0, crankHeight, 0.46, 0.75},
		{0.42, 0.95, frontAxle, wheelRadius},
		{0.38, 1, 0.5, 1},
	}
	for _, b := range bars {
		f.limb(at(b[0], b[1], 0), at(b[2], b[3], 0), 0.022, 0.022, c.frame)
	}
	f.limb(at(-0.3, 0.92, 0), at(-0.1, 0.92, 0), 0.04, 0.03, rgb{28, 28, 28})
	c.arm(&f, at, h, 0.17)
	for _, side := range [...]float64{0.11, -0.11} {
		f.limb(vec{hip.x, hip.y, z + side*0.7}, vec{shoulder.x, shoulder.y, z + side}, 0.11*c.girth,
			0.11*c.girth, c.top)
	}
	c.leg(&f, at, h, turn, -0.07, 1)
	c.arm(&f, at, h, -0.17)
	f.limb(at(0.27, 1.5*h, 0), at(0.31, 1.58*h, 0), 0.05, 0.05, c.skin)
	f.limb(at(0.34, 1.62*h, 0), at(0.35, 1.68*h, 0), 0.09, 0.09, c.skin)
	f.limb(at(0.31, 1.68*h, 0), at(0.33, 1.72*h, 0), 0.095, 0.09, c.hair)
	return f
}

type placer func(a, y, b float64) vec

func (c *cyclist) arm(f *figure, at placer, h, side float64) {
	elbow := at(0.28, 1.15*h, side)
	f.limb(at(0.2, 1.4*h, side), elbow, 0.05*c.girth, 0.042*c.girth, c.top.times(0.93))
	f.limb(elbow, at(0.46, 1.02, side), 0.04*c.girth, 0.035, c.top.times(0.93))
}

// leg bends the knee so that the foot stays on the pedal.
func (c *cyclist) leg(f *figure, at placer, h, turn, side, shade float64) {
	sin, cos := math.Sincos(turn)
	footA, footY := crank*cos, crankHeight-crank*sin
	hipA, hipY := -0.2, 0.98*h
	thigh, shin := 0.44*h, 0.47*h
	da, dy := footA-hipA, footY-hipY
	reach := min(math.Hypot(da, dy), 0.999*(thigh+shin))
	// The law of cosines gives the angle at the hip between the thigh and the line to the foot.
	bend := math.Acos((thigh*thigh + reach*reach - shin*shin) / (2 * thigh * reach))
	sin, cos = math.Sincos(math.Atan2(dy, da) + bend)
	hip, knee := at(hipA, hipY, side), at(hipA+thigh*cos, hipY+thigh*sin, side)
	f.limb(at(0, crankHeight, side), at(footA, footY, side), 0.02, 0.02, rgb{60, 60, 60})
	f.limb(hip, knee, 0.085*c.girth, 0.06*c.girth, c.legs.times(shade))
	f.limb(knee, at(footA, footY, side), 0.056*c.girth, 0.04, c.legs.times(shade))
	f.limb(at(footA-0.06, footY, side), at(footA+0.13, footY-0.02, side), 0.04, 0.03, c.shoes)
}

// wheel draws a tyre as a ring of short bars, and spokes that rotate with the distance travelled.
func wheel(f *figure, at placer, axle, way float64) {
	const sides, spokes = 14, 4
	rim := func(angle float64) vec {
		sin, cos := math.Sincos(angle)
		return at(axle+wheelRadius*cos, wheelRadius+wheelRadius*sin, 0)
	}
	for i := range spokes {
		angle := math.Pi*float64(i)/spokes - way/wheelRadius
		f.limb(rim(angle), rim(angle+math.Pi), 0.006, 0.006, rgb{150, 150, 152})
	}
	for i := range sides {
		f.limb(rim(2*math.Pi*float64(i)/sides), rim(2*math.Pi*float64(i+1)/sides), 0.028, 0.028, rgb{30, 30, 32})
	}
}
