// Package pseudo makes labelled videos of normal ones: in each, something happens at a known time that did not happen.
// A part of the picture runs too fast, or something that was seen at another time glides through without moving its
// limbs.
//
// Networks are taught with such things too, in clips of their own making. These here are whole videos at the camera's
// own size that begin as they were, so that how soon something is found can be measured as well, with any network, and
// recipes, sizes and scores can be chosen without looking at what is truly abnormal.
package synth

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

// Labelled is a video with the truth about each of its frames.
type Labelled struct {
	Video
	Abnormal []bool
}

const (
	// cleanFrames is how many frames are as they were before anything happens: more than a clip has.
	cleanFrames = 20
	// minAbnormal is the least number of frames for which something happens.
	minAbnormal = 10
	// maxTries is how often a place, a moment or a speed is drawn before it is given up.
	maxTries = 300
)

const (
	minSpeedUp, maxSpeedUp = 2, 5 // times the speed
	wholeFrameShare        = 0.3  // how often the whole picture runs faster
	minDifference          = 32   // a difference in grey levels that can be seen
	// minChangedShare is the least share of the picture that is another than it was, on the average of the frames in which
	// something runs too fast: with less nobody could tell.
	minChangedShare = 0.0005
)

// Fast returns the video up to a moment from which on a rectangle of it runs at two to five times the speed, until
// there is nothing left to show there. From that moment on it is abnormal. It is false where the video is too short or
// nothing moves in it.
func Fast(r *rand.Rand, v *Video) (Labelled, bool) {
	for range maxTries {
		k := minSpeedUp + r.IntN(maxSpeedUp-minSpeedUp+1)
		last := v.Frames() - 1 - minAbnormal*k
		if last < cleanFrames {
			continue
		}
		from := cleanFrames + r.IntN(last-cleanFrames+1)
		m := fast(v, from, k, rectangle(r, v.Width, v.Height))
		if m.changesEnough(v, from) {
			return m, true
		}
	}
	return Labelled{}, false
}

// rect is a part of the picture.
type rect struct{ left, top, width, height int }

func rectangle(r *rand.Rand, width, height int) rect {
	if r.Float64() < wholeFrameShare {
		return rect{0, 0, width, height}
	}
	w, h := width/4+r.IntN(width/2), height/4+r.IntN(height/2)
	return rect{r.IntN(width - w + 1), r.IntN(height - h + 1), w, h}
}

func fast(v *Video, from, k int, part rect) Labelled {
	frames := from + (v.Frames()-1-from)/k + 1
	m := Labelled{Video{v.Width, v.Height, slices.Clone(v.Gray[:frames*v.Width*v.Height])}, make([]bool, frames)}
	for t := from + 1; t < frames; t++ {
		source, to := v.frame(from+(t-from)*k), m.frame(t)
		for y := part.top; y < part.top+part.height; y++ {
			copy(to[y*v.Width+part.left:][:part.width], source[y*v.Width+part.left:])
		}
		m.Abnormal[t] = true
	}
	return m
}

// changesEnough says whether enough of the picture is another than it would have been.
func (m *Labelled) changesEnough(v *Video, from int) bool {
	other := 0
	for t := from + 1; t < m.Frames(); t++ {
		was := v.frame(t)
		for i, p := range m.frame(t) {
			if absDiff(p, was[i]) >= minDifference {
				other++
			}
		}
	}
	return float64(other) >= minChangedShare*float64(len(m.Gray)-(from+1)*m.Width*m.Height)
}
