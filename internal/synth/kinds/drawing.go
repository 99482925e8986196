package kinds

import "math"

// drawSprite draws a sprite of a height in pixels: f gives level and opacity at u, from left to right, and v, from the
// ground up, both in units of that height. Edges are soft, as a lens makes them. The ground is at v = 0, u = 0.
func drawSprite(height, left, right float64, f func(u, v float64) (level, alpha float64)) *sprite {
	const sub = 3
	height = max(height, 2)
	w, h := int(math.Ceil((right-left)*height))+4, int(math.Ceil(height))+4
	s := newSprite(w, h, 2-left*height, float64(h-2))
	for i := range s.alpha {
		var sum, gray float64
		for n := range sub * sub {
			x := float64(i%w) + (float64(n%sub)+0.5)/sub
			y := float64(i/w) + (float64(n/sub)+0.5)/sub
			level, alpha := f((x-s.x)/height, (s.y-y)/height)
			sum, gray = sum+alpha, gray+alpha*level
		}
		if sum > 0 {
			s.gray[i] = float32(gray / sum)
		}
		s.alpha[i] = float32(sum / (sub * sub))
	}
	// The level goes on beyond the edge, so that softening does not darken it.
	gray := make([]float32, len(s.gray))
	for i := range gray {
		gray[i] = s.gray[i] * s.alpha[i]
	}
	soft, gray := boxMean(s.alpha, w, h, 1), boxMean(gray, w, h, 1)
	for i, a := range soft {
		if a > 0 {
			s.gray[i] = gray[i] / a
		}
		s.alpha[i] = a
	}
	return s.weigh()
}

// rounded is how far outside of a rectangle with round corners a point is, negative inside.
func rounded(u, v, left, low, right, high, radius float64) float64 {
	dx := max(left+radius-u, u-right+radius, 0)
	dy := max(low+radius-v, v-high+radius, 0)
	if dx == 0 && dy == 0 {
		return -1
	}
	return math.Hypot(dx, dy) - radius
}

// surface makes the levels of drawn things fit the recording: 0 is dark and 1 is bright there.
type surface struct{ dark, bright float64 }

func (p *Place) surface() surface {
	dark, bright := p.level(0.03), p.level(0.97)
	if bright-dark < 60 {
		middle := (bright + dark) / 2
		dark, bright = max(middle-50, 5), min(middle+50, 250)
	}
	return surface{max(dark-10, 8), min(bright+10, 245)}
}

func (s surface) level(share float64) float64 { return s.dark + share*(s.bright-s.dark) }
