package synth

import (
	"math"
	"math/rand/v2"
	"slices"

	"vigil/internal/median"
)

const (
	// backgroundFrames is about how many frames the background is the median of.
	backgroundFrames = 100
	// Speed of a gliding object in widths of the picture per frame: that of a walking person, near or far.
	minGlideSpeed, maxGlideSpeed = 0.003, 0.012
	// A difference to the background of at most minForeground grey levels counts as none, one of fullForeground or more
	// counts in full.
	minForeground, fullForeground = 8, 28
	// minVisible is the least visible share of the object in an abnormal frame.
	minVisible = 0.5
	// minOpaque is the least mean opacity of a cutout, so that it is not just the edge of a shadow.
	minOpaque = 0.2
)

// cutout is a foreground object, with the opacity of each pixel.
type cutout struct {
	top, width, height int
	gray               []byte
	alpha              []float64
}

// Glide returns the video with an object added that another frame shows at the same height: it enters from the left or
// the right and moves on at walking speed without moving its limbs. A frame is abnormal if at least half of the object
// is visible. It returns false if the video is too short or nothing differs from its background.
func Glide(r *rand.Rand, v *Video) (Labelled, bool) {
	if v.Frames() < cleanFrames+minAbnormal {
		return Labelled{}, false
	}
	place := background(v)
	for range maxTries {
		c, ok := cutOut(r, v, place)
		if !ok {
			continue
		}
		from := cleanFrames + r.IntN(max(v.Frames()/3-cleanFrames, 1))
		speed := (minGlideSpeed + (maxGlideSpeed-minGlideSpeed)*r.Float64()) * float64(v.Width)
		m := glide(v, c, from, speed, r.IntN(2) == 0)
		if n := count(m.Abnormal); n >= minAbnormal {
			return m, true
		}
	}
	return Labelled{}, false
}

func count(all []bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// background is the median over time of each pixel, of about backgroundFrames frames.
func background(v *Video) []byte {
	var frames [][]byte
	for t := 0; t < v.Frames(); t += max(v.Frames()/backgroundFrames, 1) {
		frames = append(frames, v.frame(t))
	}
	out := make([]byte, v.Width*v.Height)
	median.Background(out, frames)
	return out
}

// cutOut cuts out a rectangle around a random pixel, and reports whether that pixel and enough of its surroundings are
// foreground.
func cutOut(r *rand.Rand, v *Video, place []byte) (cutout, bool) {
	source, at := v.frame(r.IntN(v.Frames())), r.IntN(len(place))
	if absDiff(source[at], place[at]) < fullForeground {
		return cutout{}, false
	}
	height, width := v.Height/8+r.IntN(max(v.Height/8, 1)), v.Width/12+r.IntN(max(v.Width/7, 1))
	top := min(max(at/v.Width-height/2, 0), v.Height-height)
	left := min(max(at%v.Width-width/2, 0), v.Width-width)
	c := cutout{top: top, width: width, height: height}
	for y := top; y < top+height; y++ {
		for x := left; x < left+width; x++ {
			i := y*v.Width + x
			c.gray = append(c.gray, source[i])
			c.alpha = append(c.alpha,
				min(max(float64(absDiff(source[i], place[i])-minForeground)/(fullForeground-minForeground), 0), 1))
		}
	}
	return c, width > 1 && c.opacity(0, width) >= minOpaque*float64(width*height)
}

// opacity is the total opacity of a range of columns, in pixels.
func (c *cutout) opacity(from, to int) (sum float64) {
	for y := range c.height {
		for x := from; x < to; x++ {
			sum += c.alpha[y*c.width+x]
		}
	}
	return sum
}

func absDiff(a, b byte) int { return max(int(a), int(b)) - min(int(a), int(b)) }

func glide(v *Video, c cutout, from int, speed float64, leftward bool) Labelled {
	m := Labelled{Video{v.Width, v.Height, slices.Clone(v.Gray)}, make([]bool, v.Frames())}
	all := c.opacity(0, c.width)
	for t := from; t < v.Frames(); t++ {
		left := speed*float64(t-from) - float64(c.width)
		if leftward {
			left = float64(v.Width) - speed*float64(t-from)
		}
		at := int(math.Floor(left))
		first, end := min(max(-at, 0), c.width), max(min(v.Width-at, c.width), 0)
		m.Abnormal[t] = first < end && c.opacity(first, end) >= minVisible*all
		c.draw(m.frame(t), v.Width, left)
	}
	return m
}

// draw blends the cutout into a picture; its left edge may lie between two pixels.
func (c *cutout) draw(to []byte, width int, left float64) {
	for y := range c.height {
		for x := max(int(left), 0); x < min(int(left)+c.width+2, width); x++ {
			column := float64(x) - left
			if column < 0 || column > float64(c.width-1) {
				continue
			}
			n := min(int(column), c.width-2)
			share, i := column-float64(n), y*c.width+n
			alpha := c.alpha[i]*(1-share) + c.alpha[i+1]*share
			gray := float64(c.gray[i])*(1-share) + float64(c.gray[i+1])*share
			p := &to[(c.top+y)*width+x]
			*p = byte(float64(*p)*(1-alpha) + gray*alpha + 0.5)
		}
	}
}
