package kinds

import (
	"math"
	"math/rand/v2"
)

// jolt is how far a camera shakes or is moved, in pixels; in small pictures it is an eighth of the width at most.
const jolt = 10

// shift moves the picture by whole pixels; what comes in at the edges mirrors what is beside them. Whole pixels keep
// the sensor's noise as it is.
func (c *canvas) shift(dx, dy int) {
	from := c.p.frame(c.source)
	w, h := c.p.Width, c.p.Height
	for y := range h {
		row := from[mirror(y-dy, h)*w:][:w]
		for x := range w {
			c.pix[y*w+x] = row[mirror(x-dx, w)]
		}
	}
}

// mirror folds a coordinate back into 0 to n-1.
func mirror(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	i = wrap(i, 2*n)
	if i >= n {
		i = 2*n - 1 - i
	}
	return i
}

func (p *Place) jolt() float64 { return min(jolt, float64(min(p.Width, p.Height))/8) }

func makeShaken(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed, size := p.window(r, p.frames(5)), r.Uint64(), p.jolt()
	hz := uniform(r, 2, 4)
	return s.whole(p, func(t int, c *canvas) {
		now := float64(t-s.first) / p.FPS * hz * 2
		swing := func(k float64) float64 { return 2*clouds(seed, now, k, 0) - 1 }
		// It swings about the middle and reaches the full way.
		dx := size * min(max(1.6*swing(0), -1), 1)
		dy := size * 0.6 * min(max(1.6*swing(3), -1), 1)
		c.shift(int(math.Round(dx)), int(math.Round(dy)))
	}), nil
}

func makeMoved(r *rand.Rand, p *Place) (*Clip, error) {
	s, angle, size := p.lasting(r, 10), uniform(r, 0, 2*math.Pi), p.jolt()
	ramp := p.frames(0.4)
	return s.whole(p, func(t int, c *canvas) {
		sin, cos := math.Sincos(angle)
		way := size * s.share(t, ramp)
		c.shift(int(math.Round(cos*way)), int(math.Round(sin*way)))
	}), nil
}

// makeTurned turns the camera to another view: a part of the picture at one side, larger and tilted, so that all that
// is seen there is the place. The sensor's noise does not grow with it.
func makeTurned(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.lasting(r, 10)
	zoom, tilt := uniform(r, 1.35, 1.6), uniform(r, 0.03, 0.1)*sign(r)
	side, up := sign(r), uniform(r, -0.6, 0.6)
	ramp := p.frames(1.2)
	w, h := float64(p.Width), float64(p.Height)
	return s.whole(p, func(t int, c *canvas) {
		share := s.share(t, ramp)
		z := 1 + (zoom-1)*share
		sin, cos := math.Sincos(tilt * share)
		x0, y0 := w/2*(1+side*share*(1-1/zoom)), h/2*(1+up*share*(1-1/zoom))
		from := c.p.frame(c.source)
		c.withNoise(0.6*share, func(_, x, y int) float64 {
			dx, dy := (float64(x)-w/2)/z, (float64(y)-h/2)/z
			return bilinear(from, p.Width, p.Height, x0+cos*dx-sin*dy, y0+sin*dx+cos*dy)
		})
	}), nil
}

// bilinear interpolates between four pixels; beyond the edges the picture is mirrored.
func bilinear(from []byte, w, h int, x, y float64) float64 {
	xi, yi := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := x-float64(xi), y-float64(yi)
	x0, x1 := mirror(xi, w), mirror(xi+1, w)
	above, below := mirror(yi, h)*w, mirror(yi+1, h)*w
	return (float64(from[above+x0])*(1-fx)+float64(from[above+x1])*fx)*(1-fy) +
		(float64(from[below+x0])*(1-fx)+float64(from[below+x1])*fx)*fy
}
