package scene

import "image"

// rgb is a colour under full light.
type rgb struct{ r, g, b uint8 }

// times scales the colour's brightness.
func (c rgb) times(f float64) rgb {
	scale := func(v uint8) uint8 { return uint8(max(0, min(255, float64(v)*f))) }
	return rgb{scale(c.r), scale(c.g), scale(c.b)}
}

// paint is ink that draws a colour over a frame.
type paint struct {
	to     *image.RGBA
	colour rgb
}

func (p *paint) row(x, y int, cover []uint8, lit []int8) {
	pix := p.to.Pix[p.to.PixOffset(x, y):]
	pix = pix[:4*len(cover)]
	for i, c := range cover {
		if c == 0 {
			continue
		}
		// Facing to or from the light changes the brightness by up to a quarter.
		light, share := 256+int(lit[i])/2, int(c)
		q := pix[4*i : 4*i+3 : 4*i+3]
		q[0] = over(q[0], p.colour.r, light, share)
		q[1] = over(q[1], p.colour.g, light, share)
		q[2] = over(q[2], p.colour.b, light, share)
	}
}

func over(below, colour uint8, light, share int) uint8 {
	top := min(255, int(colour)*light>>8)
	return uint8((int(below)*(255-share) + top*share + 127) / 255)
}

// shade is ink that accumulates shadows. Overlapping shadows are no darker than a single one.
type shade struct {
	width int
	deep  []uint8
}

func (s *shade) row(x, y int, cover []uint8, _ []int8) {
	deep := s.deep[y*s.width+x:][:len(cover)]
	for i, c := range cover {
		deep[i] = max(deep[i], c)
	}
}

// apply darkens the frame by the shadows, with strength from 0 to 1, and clears them.
func (s *shade) apply(on *image.RGBA, strength float64) {
	full := int(256 * strength)
	for i, d := range s.deep {
		if d == 0 {
			continue
		}
		keep := 256 - full*int(d)/255
		q := on.Pix[4*i : 4*i+3 : 4*i+3]
		// The sky still lights a shadow, so it is slightly bluer than the ground.
		q[0], q[1], q[2] = uint8(int(q[0])*keep>>8), uint8(int(q[1])*keep>>8), uint8(int(q[2])*(keep+6)/262)
		s.deep[i] = 0
	}
}
