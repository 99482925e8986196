package base

import (
	"math"
	"math/rand/v2"
)

// look is how a place looks to its camera: surfaces and things in front of it, light, weather, exposure and noise.
type look struct {
	side          int
	seed          uint64
	gain, level   float64
	drift, period float64 // of the light, and in seconds
	flicker       float64
	noise         float64
	blur          float64
	rain          int       // drops in a frame
	slant         float64   // of the rain
	factor        []float64 // [side][side], static
	cover         []float64 // likewise, the grey level of something in front of the scene; below 0 there is nothing
	levels, rows  []float64
}

func newLook(r *rand.Rand, side int) *look {
	l := &look{
		side: side, seed: r.Uint64(), gain: uniform(r, 0.35, 1.15), noise: uniform(r, 0.2, 3),
		blur: uniform(r, 0, 0.35), drift: uniform(r, 0, 0.05), period: uniform(r, 20, 90),
		factor: make([]float64, side*side), cover: make([]float64, side*side), levels: make([]float64, side*side),
		rows: make([]float64, side*side),
	}
	// Fog and haze have a low gain and a high level, night has both low and noise.
	l.level = uniform(r, 60, 190)
	if r.Float64() < 0.15 {
		l.gain, l.level, l.noise = uniform(r, 0.25, 0.5), uniform(r, 30, 60), uniform(r, 3, 7)
	}
	if r.Float64() < 0.1 {
		l.flicker = uniform(r, 0.003, 0.015)
	}
	if r.Float64() < 0.12 {
		l.rain, l.slant = 5+r.IntN(40), uniform(r, -0.3, 0.3)
	}
	l.surfaces(r)
	l.things(r)
	return l
}

// surfaces gives the scene other surfaces: smooth shades, and areas that are lighter or darker.
func (l *look) surfaces(r *rand.Rand) {
	strength, seed := uniform(r, 0.1, 0.7), r.Uint64()
	coarse, fine := uniform(r, 2, 6), uniform(r, 8, 40)
	fog := uniform(r, 0, 0.3)
	for i := range l.factor {
		x, y := float64(i%l.side)/float64(l.side), float64(i/l.side)/float64(l.side)
		field := 0.6*smooth(seed, x*coarse, y*coarse) + 0.4*smooth(seed+1, x*fine, y*fine)
		l.factor[i] = 1 + strength*(2*field-1) - fog*(1-y)
		l.cover[i] = -1
	}
	for range r.IntN(6) {
		x0, y0, x1, y1 := l.area(r, 0.15, 0.7)
		by, skew := uniform(r, 0.6, 1.4), uniform(r, -0.6, 0.6)
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				if at := x + int(skew*float64(y-y0)); at >= 0 && at < l.side {
					l.factor[y*l.side+at] *= by
				}
			}
		}
	}
}

// things puts posts, leaves and signs before the scene.
func (l *look) things(r *rand.Rand) {
	for range max(r.IntN(6)-2, 0) {
		x0, y0, x1, y1 := l.area(r, 0.03, 0.3)
		grey, rough, seed := uniform(r, 20, 220), uniform(r, 0, 60), r.Uint64()
		round := r.Float64() < 0.5
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				u, v := 2*float64(x-x0)/float64(x1-x0)-1, 2*float64(y-y0)/float64(y1-y0)-1
				n := smooth(seed, float64(x)*0.35, float64(y)*0.35)
				if round && u*u+v*v > 0.5+0.7*n {
					continue
				}
				l.cover[y*l.side+x] = grey + rough*(n-0.5)
			}
		}
	}
}

// area is a rectangle whose sides are from lo to hi of the picture's.
func (l *look) area(r *rand.Rand, lo, hi float64) (x0, y0, x1, y1 int) {
	side := float64(l.side)
	w, h := max(int(uniform(r, lo, hi)*side), 2), max(int(uniform(r, lo, hi)*side), 2)
	x0, y0 = r.IntN(l.side-w+1), r.IntN(l.side-h+1)
	return x0, y0, x0 + w, y0 + h
}

// apply writes a frame of the drawn street, as the camera sees it.
func (l *look) apply(dst []byte, lens *lens, grey []byte, frame int) {
	r := rand.New(rand.NewPCG(l.seed, uint64(frame)))
	const middle = 125 // the street's mean level
	for i := range l.levels {
		v := l.cover[i]
		if v < 0 {
			v = lens.level(grey, i) * l.factor[i]
		}
		l.levels[i] = v
	}
	l.soften()
	l.drops(r)
	light := 1 + l.drift*math.Sin(2*math.Pi*float64(frame)/FPS/l.period) + l.flicker*r.NormFloat64()
	for i, v := range l.levels {
		v = (l.level+(v-middle)*l.gain)*light + l.noise*r.NormFloat64()
		dst[i] = byte(min(max(v+0.5, 0), 255))
	}
}

// soften blurs with the neighbours.
func (l *look) soften() {
	side := l.side
	for i, v := range l.levels {
		x := i % side
		l.rows[i] = v*(1-l.blur) + l.blur/2*(l.levels[i-min(x, 1)]+l.levels[i+min(side-1-x, 1)])
	}
	for i, v := range l.rows {
		y := i / side
		l.levels[i] = v*(1-l.blur) + l.blur/2*(l.rows[i-side*min(y, 1)]+l.rows[i+side*min(side-1-y, 1)])
	}
}

// drops draws rain as streaks, anew in each frame.
func (l *look) drops(r *rand.Rand) {
	for range l.rain {
		long := 2 + r.IntN(l.side/12)
		x, y := r.Float64()*float64(l.side), r.IntN(l.side-long)
		opacity := uniform(r, 0.08, 0.3)
		for k := range long {
			at := int(x + l.slant*float64(k))
			if at >= 0 && at < l.side {
				p := &l.levels[(y+k)*l.side+at]
				*p += opacity * (230 - *p)
			}
		}
	}
}

// smooth is noise from 0 to 1, interpolated between whole positions.
func smooth(seed uint64, x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	u, v := x-fx, y-fy
	u, v = u*u*(3-2*u), v*v*(3-2*v)
	at := func(dx, dy float64) float64 {
		h := seed ^ uint64(int64(fx+dx))*0x9e3779b97f4a7c15 ^ uint64(int64(fy+dy))*0xc2b2ae3d27d4eb4f
		h = (h ^ h>>31) * 0x7fb5d329728ea185
		h = (h ^ h>>27) * 0x81dadef4bc2dd44d
		return float64((h^h>>33)>>11) / (1 << 53)
	}
	return (at(0, 0)*(1-u)+at(1, 0)*u)*(1-v) + (at(0, 1)*(1-u)+at(1, 1)*u)*v
}
