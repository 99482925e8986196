// Package synth makes labelled videos from normal ones by adding a synthetic anomaly at a known time: a part of the
// picture plays too fast, or an object from another time glides through the picture without moving its limbs.
//
// Training uses similar anomalies in single clips. The videos of this package have the camera's full size and a normal
// beginning, so that the detection delay can be measured too, with any network, and recipes, sizes and scores can be
// chosen without real anomalies.
package synth

import (
	"math/rand/v2"
	"slices"
)

// Video is a continuous grey recording.
type Video struct {
	Width, Height int    // pixels
	Gray          []byte // [frames][Height][Width]
}

// Frames is the recording's length.
func (v *Video) Frames() int { return len(v.Gray) / (v.Width * v.Height) }

func (v *Video) frame(t int) []byte { return v.Gray[t*v.Width*v.Height:][:v.Width*v.Height] }

// Labelled is a video with a label for each frame.
type Labelled struct {
	Video
	Abnormal []bool
}

const (
	// cleanFrames is the number of unchanged frames before an anomaly may start: more than the length of a clip.
	cleanFrames = 20
	// minAbnormal is the least number of abnormal frames.
	minAbnormal = 10
	// maxTries is how often a position, a time or a speed is drawn.
	maxTries = 300
)

const (
	minSpeedUp, maxSpeedUp = 2, 5 // times the speed
	wholeFrameShare        = 0.3  // share of videos in which the whole picture plays faster
	minDifference          = 32   // a difference in grey levels that can be seen
	// minChangedShare is the least share of pixels that differ from the original, averaged over the abnormal frames:
	// with less, the anomaly could not be noticed.
	minChangedShare = 0.0005
)

// Fast returns the video up to the end of an anomaly: from a random time on, a rectangle plays at two to five times the
// speed, until the source ends. All frames from that time on are abnormal. It returns false if the video is too short
// or has no motion.
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

// changesEnough reports whether enough of the picture differs from the original.
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
