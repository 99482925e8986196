package scene

import "math"

// body is a person's permanent appearance: size in metres, build and clothes.
type body struct {
	height float64
	girth  float64 // 1 is average.
	coat   bool    // A coat or a skirt hides the thighs.
	bag    bool    // A rucksack.

	top, legs, skin, hair, shoes, pack rgb
}

var (
	tops = []rgb{
		{52, 58, 74},
		{178, 172, 160},
		{122, 42, 40},
		{38, 38, 40},
		{70, 92, 66},
		{205, 202, 196},
		{60, 84, 130},
		{148, 120, 84},
		{96, 98, 102},
		{170, 116, 52},
		{88, 54, 88},
	}
	trousers = []rgb{{38, 44, 62}, {30, 30, 32}, {92, 86, 76}, {66, 72, 86}, {140, 130, 110}, {54, 46, 40}}
	skins    = []rgb{{224, 182, 152}, {202, 156, 122}, {160, 112, 80}, {108, 74, 54}, {232, 196, 172}}
	hairs    = []rgb{{38, 30, 26}, {84, 60, 40}, {150, 120, 76}, {140, 138, 134}, {24, 22, 22}}
)

func newBody(seed uint64, purpose, index int) body {
	r := rngFor(seed, purpose, index)
	b := body{
		height: uniform(r, 1.58, 1.9),
		girth:  uniform(r, 0.88, 1.2),
		coat:   r.Float64() < 0.22,
		bag:    r.Float64() < 0.3,
		top:    tops[r.IntN(len(tops))],
		legs:   trousers[r.IntN(len(trousers))],
		skin:   skins[r.IntN(len(skins))],
		hair:   hairs[r.IntN(len(hairs))],
		pack:   tops[r.IntN(len(tops))],
		shoes:  rgb{34, 31, 30},
	}
	if r.Float64() < 0.12 {
		b.height = uniform(r, 1.25, 1.5)
	}
	if r.Float64() < 0.3 {
		b.shoes = rgb{190, 188, 184}
	}
	return b
}

// pose is a person's posture at one instant. Angles are in radians, lengths in metres.
type pose struct {
	x, z    float64
	heading float64 // 0 faces right, pi/2 away from the camera.
	phase   float64 // Of the gait; 2 pi is two steps.
	swing   float64 // Amplitude of the hips.
	knee    float64 // Maximum bend of the knee while the leg swings forward.
	crouch  float64 // Bend of both knees.
	arm     float64 // Amplitude of the arms.
	elbow   float64
	raise   float64 // Both arms forward, pi/2 is level.
	lean    float64 // Trunk forward.
	hop     float64 // Height of the flight between steps.
	tilt    float64 // The whole body about its feet: pi/2 lies face down, -pi/2 on the back.
}

// stance maps body coordinates (a forward, y up, b to the left hand) of a pose to the world.
type stance struct {
	pose
	sin, cos         float64
	sinTilt, cosTilt float64
}

func (s *stance) at(a, y, b float64) vec {
	a, y = a*s.cosTilt+y*s.sinTilt, y*s.cosTilt-a*s.sinTilt
	return vec{s.x + a*s.cos - b*s.sin, y, s.z + a*s.sin + b*s.cos}
}

// leg is one leg in body coordinates relative to the hip.
type leg struct{ kneeA, kneeY, ankleA, ankleY, toeA, toeY float64 }

func (b *body) leg(p *pose, phase float64) leg {
	half := 0.235 * b.height
	s, c := math.Sincos(phase)
	hip := p.swing*s + 0.04*p.swing + 0.9*p.crouch
	bend := 0.06 + p.knee*max(0, c)*max(0, c) + 1.8*p.crouch
	var l leg
	sin, cos := math.Sincos(hip)
	l.kneeA, l.kneeY = half*sin, -half*cos
	sin, cos = math.Sincos(hip - bend)
	l.ankleA, l.ankleY = l.kneeA+half*sin, l.kneeY-half*cos
	sin, cos = math.Sincos(0.7 * (hip - bend))
	l.toeA, l.toeY = l.ankleA+0.1*b.height*cos, l.ankleY+0.1*b.height*sin
	return l
}

// figure returns the person's parts in this pose, appended to parts.
func (b *body) figure(p pose, parts []part) figure {
	f := figure{parts: parts, z: p.z}
	s := stance{pose: p}
	s.sin, s.cos = math.Sincos(p.heading)
	s.sinTilt, s.cosTilt = math.Sincos(p.tilt)
	h := b.height
	left, right := b.leg(&p, p.phase), b.leg(&p, p.phase+math.Pi)
	// The lower foot carries the weight: the hips are as high as that leg is long.
	hips := 0.022*h - min(left.ankleY, right.ankleY, left.toeY, right.toeY)
	hips += p.hop * math.Abs(math.Cos(p.phase))
	sinLean, cosLean := math.Sincos(p.lean)
	trunk := func(up, forward, side float64) vec {
		return s.at(up*sinLean+forward*cosLean, hips+up*cosLean-forward*sinLean, side)
	}
	// The far side is drawn first: the left side of a person who faces right.
	far, near, side := left, right, 1.0
	farSwing := -math.Sin(p.phase)
	if s.cos < 0 {
		far, near, side, farSwing = right, left, -1, -farSwing
	}
	arm := func(side, swing float64) {
		angle := p.arm*swing + p.raise + p.lean
		fore := angle + p.elbow*(1+0.3*swing)
		sin, cos := math.Sincos(angle)
		up, out := 0.3*h, 0.118*h*b.girth*side
		ea, ey := up*sinLean+0.17*h*sin, hips+up*cosLean-0.17*h*cos
		shoulder, elbow := s.at(up*sinLean, hips+up*cosLean, out), s.at(ea, ey, out*1.08)
		sin, cos = math.Sincos(fore)
		hand := s.at(ea+0.15*h*sin, ey-0.15*h*cos, out)
		f.limb(shoulder, elbow, 0.03*h*b.girth, 0.025*h*b.girth, b.top.times(0.93))
		f.limb(elbow, hand, 0.024*h*b.girth, 0.019*h*b.girth, b.top.times(0.93))
		f.limb(hand, hand, 0.022*h, 0.022*h, b.skin)
	}
	limbs := func(l leg, side, shade float64) {
		out := 0.052 * h * side
		hip, knee := s.at(0, hips, out), s.at(l.kneeA, hips+l.kneeY, out)
		ankle, toe := s.at(l.ankleA, hips+l.ankleY, out), s.at(l.toeA, hips+l.toeY, out)
		f.limb(ankle, toe, 0.022*h, 0.017*h, b.shoes)
		f.limb(knee, ankle, 0.032*h*b.girth, 0.023*h, b.legs.times(shade))
		f.limb(hip, knee, 0.048*h*b.girth, 0.034*h*b.girth, b.legs.times(shade))
	}
	arm(side, farSwing)
	limbs(far, side, 0.8)
	limbs(near, -side, 1)
	b.trunk(&f, trunk)
	arm(-side, -farSwing)
	f.limb(trunk(0.36*h, 0.012*h, 0), trunk(0.41*h, 0.02*h, 0), 0.026*h, 0.026*h, b.skin)
	f.limb(trunk(0.415*h, 0.03*h, 0), trunk(0.445*h, 0.03*h, 0), 0.05*h, 0.052*h, b.skin)
	f.limb(trunk(0.445*h, 0.002*h, 0), trunk(0.468*h, 0.012*h, 0), 0.052*h, 0.05*h, b.hair)
	if p.tilt != 0 {
		f.dropToGround()
	}
	return f
}

// trunk adds the body between hips and neck; at returns the point that far up, forward and aside.
func (b *body) trunk(f *figure, at func(up, forward, side float64) vec) {
	h, wide := b.height, 0.075*b.height*b.girth
	if b.coat {
		f.limb(at(-0.17*h, 0, 0), at(0.05*h, 0, 0), 0.085*h*b.girth, 0.068*h*b.girth, b.top.times(0.9))
	}
	if b.bag {
		f.limb(at(0.12*h, -0.085*h, 0), at(0.27*h, -0.085*h, 0), 0.06*h, 0.055*h, b.pack)
	}
	for _, side := range [...]float64{-wide, wide, 0} {
		f.limb(at(0.01*h, 0, side*0.75), at(0.295*h, 0, side), 0.058*h*b.girth, 0.06*h*b.girth, b.top)
	}
}
