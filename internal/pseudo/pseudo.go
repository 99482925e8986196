// Package pseudo makes labelled videos of normal ones: in each, something happens at a known time that did not happen.
// A part of the picture runs too fast, or something that was seen at another time glides through without moving its
// limbs.
//
// Networks are taught with such things too, in clips of their own making. These here are whole videos at the camera's
// own size that begin as they were, so that how soon something is found can be measured as well, with any network, and
// recipes, sizes and scores can be chosen without looking at what is truly abnormal.
package pseudo

import (
	"math/rand/v2"
	"slices"
)

// Video is an unbroken recording in grey.
type Video struct {
	Width, Height int    // pixels
	Gray          []byte // [frames][Height][Width]
}

// Frames is the recording's length.
func (v *Video) Frames() int { return len(v.Gray) / (v.Width * v.Height) }

func (v *Video) frame(t int) []byte { return v.Gray[t*v.Width*v.Height:][:v.Width*v.Height] }

// Made is a video with the truth about each of its frames.
type Made struct {
	Video
	Abnormal []bool
}

const (
	// lead is how many frames are as they were before anything happens: more than a clip has.
	lead = 20
	// shortest is the least number of frames for which something happens.
	shortest = 10
	// tries is how often a place, a moment or a speed is drawn before it is given up.
	tries = 300
)

const (
	slowest, fastest = 2, 5 // times the speed
	wholeFrame       = 0.3  // how often the whole picture runs faster
	moving           = 32   // a difference in grey levels that can be seen
	// stir is the least share of the picture that is another than it was, on the average of the frames in which
	// something runs too fast: with less nobody could tell.
	stir = 0.0005
)

// Fast returns the video up to a moment from which on a rectangle of it runs at two to five times the speed, until
// there is nothing left to show there. From that moment on it is abnormal. It is false where the video is too short or
// nothing moves in it.
func Fast(r *rand.Rand, v *Video) (Made, bool) {
	for range tries {
		k := slowest + r.IntN(fastest-slowest+1)
		last := v.Frames() - 1 - shortest*k
		if last < lead {
			continue
		}
		from := lead + r.IntN(last-lead+1)
		m := fast(v, from, k, rectangle(r, v.Width, v.Height))
		if m.stirs(v, from) {
			return m, true
		}
	}
	return Made{}, false
}

// rect is a part of the picture.
type rect struct{ left, top, width, height int }

func rectangle(r *rand.Rand, width, height int) rect {
	if r.Float64() < wholeFrame {
		return rect{0, 0, width, height}
	}
	w, h := width/4+r.IntN(width/2), height/4+r.IntN(height/2)
	return rect{r.IntN(width - w + 1), r.IntN(height - h + 1), w, h}
}

func fast(v *Video, from, k int, part rect) Made {
	frames := from + (v.Frames()-1-from)/k + 1
	m := Made{Video{v.Width, v.Height, slices.Clone(v.Gray[:frames*v.Width*v.Height])}, make([]bool, frames)}
	for t := from + 1; t < frames; t++ {
		source, to := v.frame(from+(t-from)*k), m.frame(t)
		for y := part.top; y < part.top+part.height; y++ {
			copy(to[y*v.Width+part.left:][:part.width], source[y*v.Width+part.left:])
		}
		m.Abnormal[t] = true
	}
	return m
}

// stirs says whether enough of the picture is another than it would have been.
func (m *Made) stirs(v *Video, from int) bool {
	other := 0
	for t := from + 1; t < m.Frames(); t++ {
		was := v.frame(t)
		for i, p := range m.frame(t) {
			if apart(p, was[i]) >= moving {
				other++
			}
		}
	}
	return float64(other) >= stir*float64(len(m.Gray)-(from+1)*m.Width*m.Height)
}
