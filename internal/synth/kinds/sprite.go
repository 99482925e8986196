package kinds

import "math"

// A difference to the background of at most minForeground grey levels counts as none, one of fullForeground or more
// counts in full.
const minForeground, fullForeground = 7, 24

// sprite is a cut-out with the opacity of each pixel. Pixels of its shadow are not opaque, but darken what they fall
// on.
type sprite struct {
	width, height int
	gray          []float32 // levels
	alpha         []float32 // 0 to 1
	shade         []float32 // factors, 1 where there is no shadow
	x, y          float64   // of the point on the ground, in pixels of the sprite
	mass          float64   // the sum of alpha
}

func newSprite(width, height int, x, y float64) *sprite {
	s := &sprite{width: width, height: height, x: x, y: y}
	s.gray, s.alpha, s.shade = make([]float32, width*height), make([]float32, width*height),
		make([]float32, width*height)
	for i := range s.shade {
		s.shade[i] = 1
	}
	return s
}

func (s *sprite) weigh() *sprite {
	s.mass = 0
	for _, a := range s.alpha {
		s.mass += float64(a)
	}
	return s
}

// pose is where and how a sprite is drawn.
type pose struct {
	x, y    float64 // of its point on the ground, in pixels
	scale   float64
	angle   float64 // clockwise, in radians
	flip    bool    // left and right exchanged
	still   bool    // It does not move: the sensor's noise goes over it.
	flying  bool    // not on the ground: nothing hides it, and it has no shadow
	opacity float64 // 0 counts as 1
}

// stamp draws a sprite and returns the share of it that lies in the picture. Who stands nearer to the camera hides it.
func (c *canvas) stamp(s *sprite, at pose) float64 {
	if s.mass == 0 || at.scale <= 0 {
		return 0
	}
	if at.opacity == 0 {
		at.opacity = 1
	}
	frame, light := c.p.frame(c.source), c.p.light[c.source]
	nearer := c.nearer(at)
	sin, cos := math.Sincos(at.angle)
	area := s.bounds(at, sin, cos, c.p.Width, c.p.Height)
	seen, grounded := 0.0, max(1-2*math.Abs(at.angle), 0) // A shadow does not turn with its object.
	if at.flying {
		grounded = 0
	}
	for y := area.top; y < area.bottom; y++ {
		for x := area.left; x < area.right; x++ {
			dx, dy := float64(x)-at.x, float64(y)-at.y
			u, v := (cos*dx+sin*dy)/at.scale, (cos*dy-sin*dx)/at.scale
			if at.flip {
				u = -u
			}
			gray, alpha, shade := s.sample(u+s.x, v+s.y)
			if alpha < 0.01 && shade > 0.99 {
				continue
			}
			seen += alpha
			i := y*c.p.Width + x
			shade = 1 - (1-shade)*grounded
			alpha *= at.opacity
			shade = 1 - (1-shade)*at.opacity
			if len(nearer) > 0 {
				hidden := c.hidden(nearer, frame, light, x, y, i)
				alpha, shade = alpha*(1-hidden), shade+(1-shade)*hidden
			}
			if at.still {
				gray += float64(c.p.noise(frame, light, i))
			}
			c.level(i, float64(c.pix[i])*shade*(1-alpha)+gray*alpha)
			if alpha >= 0.5 {
				c.mask[i] = true
			}
		}
	}
	return min(seen/(s.mass*at.scale*at.scale), 1)
}

// bounds is the part of the picture that the sprite may cover.
func (s *sprite) bounds(at pose, sin, cos float64, width, height int) box {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, u := range []float64{-s.x, float64(s.width) - s.x} {
		if at.flip {
			u = -u
		}
		for _, v := range []float64{-s.y, float64(s.height) - s.y} {
			x, y := at.x+at.scale*(cos*u-sin*v), at.y+at.scale*(sin*u+cos*v)
			left, top, right, bottom = min(left, x), min(top, y), max(right, x), max(bottom, y)
		}
	}
	return box{
		max(int(math.Floor(left))-1, 0), max(int(math.Floor(top))-1, 0), min(int(math.Ceil(right))+1, width),
		min(int(math.Ceil(bottom))+1, height),
	}
}

// sample interpolates between pixels; outside of the sprite nothing is opaque.
func (s *sprite) sample(u, v float64) (gray, alpha, shade float64) {
	x, y := int(math.Floor(u)), int(math.Floor(v))
	if x < -1 || y < -1 || x >= s.width || y >= s.height {
		return 0, 0, 1
	}
	fx, fy := float32(u-float64(x)), float32(v-float64(y))
	var g, a, d, all float32
	for n, w := range [4]float32{(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy} {
		px, py := x+n&1, y+n>>1
		if px < 0 || py < 0 || px >= s.width || py >= s.height {
			d += w
			continue
		}
		i := py*s.width + px
		a += w * s.alpha[i]
		d += w * s.shade[i]
		// Levels count by their opacity, so that the old background does not show at the edge.
		k := w * (s.alpha[i] + 1e-4)
		g += k * s.gray[i]
		all += k
	}
	if all > 0 {
		g /= all
	}
	return float64(g), float64(a), float64(d)
}

// nearer lists the frame's objects whose feet are below those of the sprite.
func (c *canvas) nearer(at pose) (out []box) {
	if at.flying {
		return nil
	}
	for _, b := range c.p.objects[c.source] {
		if float64(b.bottom) > at.y+2 {
			out = append(out, b)
		}
	}
	return out
}

// hidden is how far a pixel belongs to one of the boxes' objects.
func (c *canvas) hidden(boxes []box, frame []byte, light, x, y, i int) float64 {
	for _, b := range boxes {
		if x >= b.left && x < b.right && y >= b.top && y < b.bottom {
			d := math.Abs(float64(int(frame[i]) - int(c.p.background[i]) - light))
			return min(max((d-minForeground)/(fullForeground-minForeground), 0), 1)
		}
	}
	return 0
}
