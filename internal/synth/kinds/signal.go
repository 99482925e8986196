package kinds

import (
	"math"
	"math/rand/v2"
)

func makeNothing(r *rand.Rand, p *Place) (*Clip, error) {
	return p.quietSpan(r).always(p, nil), nil
}

// quietSeconds is the length of a quiet clip in which nothing has a time of its own.
const quietSeconds = 20

func (p *Place) quietSpan(r *rand.Rand) span { return p.window(r, p.frames(quietSeconds)) }

// makeDusk takes light away by one percent a second, from the begin of the clip.
func makeDusk(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.quietSpan(r)
	return s.always(p, func(t int, c *canvas) bool {
		gain := 1 - 0.01*float64(t)/p.FPS
		frame := p.frame(c.source)
		c.withNoise(1-gain, func(i, _, _ int) float64 { return float64(frame[i]) * gain })
		return false
	}), nil
}

// makeFrozen repeats a picture exactly, as a recorder does whose input is gone.
func makeFrozen(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.window(r, p.frames(8))
	return s.whole(p, func(_ int, c *canvas) { copy(c.pix, p.frame(s.source+s.first-1)) }), nil
}

// makeInfrared switches the cut filter away: a moment without a picture, then other tones, a lamp that lights the
// middle, and more noise.
func makeInfrared(r *rand.Rand, p *Place) (*Clip, error) {
	s := p.window(r, p.frames(10))
	w, h := float64(p.Width), float64(p.Height)
	gap := max(p.frames(0.3), 1)
	gain, gamma := uniform(r, 0.8, 1), uniform(r, 0.55, 0.75)
	lamp := newField(p.Width, p.Height, func(x, y float64) float64 {
		d := math.Hypot((x-w/2)/w, (y-0.55*h)/h)
		return gain * (1.15 - 1.1*d*d*1.6)
	})
	var tone [256]float64
	for v := range tone {
		// Dark cloth and leaves are bright in infrared, and the sky is dark.
		f := math.Pow(float64(v)/255, gamma)
		tone[v] = 255 * (f - 0.5*math.Pow(float64(v)/255, 4))
	}
	return s.whole(p, func(t int, c *canvas) {
		frame := p.frame(c.source)
		light := 1.0
		switch n := min(t-s.first, s.end-1-t); {
		case n < gap:
			light = 0.1
		case n < 4*gap: // The exposure finds its level.
			light = 1 + 0.5*float64(4*gap-n)/float64(3*gap)
		}
		c.withNoise(1.2, func(i, x, y int) float64 { return light * lamp.at(x, y) * tone[frame[i]] })
	}), nil
}

// macroblock is the side of the squares that video compression works in.
const macroblock = 16

// makeBreakdown loses packets of the stream: rows of blocks are moved, flat, of another time or of coarse patterns,
// until the next whole picture, about each second, and then it begins again.
func makeBreakdown(r *rand.Rand, p *Place) (*Clip, error) {
	s, seed := p.window(r, p.frames(6)), r.Uint64()
	cols, rows := (p.Width+macroblock-1)/macroblock, (p.Height+macroblock-1)/macroblock
	period := max(p.frames(1.2), 2)
	return s.whole(p, func(t int, c *canvas) {
		n := t - s.first
		group := n / period
		// Some damage begins with the first frame of a group, and all of it spreads.
		age := n%period + 1
		q := at(seed, group)
		for part := range 3 + q.IntN(4) {
			row, from := q.IntN(rows), q.IntN(cols)
			length, begins := cols/3+q.IntN(cols), q.IntN(max(period/2, 1))
			kind, mx, my := q.IntN(4), q.IntN(7)-3, q.IntN(5)-2
			level := float64(q.IntN(256))
			spread := 1 + q.IntN(3)
			if part == 0 {
				begins = 0
			}
			if age <= begins {
				continue
			}
			for block := range length * spread {
				k := row*cols + from + block%length + block/length*cols
				if k >= cols*rows {
					break
				}
				c.damage(k%cols*macroblock, k/cols*macroblock, kind, float64(mx*(age-begins)),
					float64(my*(age-begins)), level,
					seed+uint64(group*1000+k)) //nolint:gosec // A number of a block.
			}
		}
	}), nil
}

// damage spoils a block.
func (c *canvas) damage(left, top, kind int, mx, my, level float64, seed uint64) {
	w, h := c.p.Width, c.p.Height
	from := c.p.frame(c.source)
	fx, fy := 1+int(hash(seed, 1, 0, 0)*4), int(hash(seed, 2, 0, 0)*4)
	for y := top; y < min(top+macroblock, h); y++ {
		for x := left; x < min(left+macroblock, w); x++ {
			i := y*w + x
			switch kind {
			case 0: // a wrong motion, which goes on frame by frame
				c.pix[i] = from[mirror(y+int(my)*2, h)*w+mirror(x+int(mx)*4, w)]
			case 1: // the mean of the block alone, and a wrong one
				c.level(i, (float64(from[min(top+8, h-1)*w+min(left+8, w-1)])+level)/2)
			case 2: // one coefficient of the transform
				wave := math.Cos(math.Pi*float64(fx)*(float64(x-left)+0.5)/macroblock) *
					math.Cos(math.Pi*float64(fy)*(float64(y-top)+0.5)/macroblock)
				c.level(i, float64(from[i])/2+level/4+70*wave)
			default: // the column to the left, drawn out
				c.pix[i] = from[y*w+max(left-1, 0)]
			}
		}
	}
}
