package calibrate

import (
	"slices"
	"time"

	"vigil/pipeline/detect"
)

// NormalScores collects the scores of normal video for Fit. It takes 280 bytes for each clip and measure: 150 MB for a
// day at hop 8 and 25 fps with two. The zero value is empty.
type NormalScores struct {
	clips        []normalClip // with the first reading
	cells        []float32    // [clips][cellCount]; nil where the score has no windows
	measure      detect.Measure
	second       otherScores
	began        time.Duration
	until        time.Duration // last time of the current stretch without a gap
	done         time.Duration // length of the earlier stretches
	newRecording bool
}

type normalClip struct {
	at    time.Duration
	error float64
	gap   bool // starts a new stretch
	first bool // starts a new recording
}

// otherScores are the second readings of the clips; empty if they have none.
type otherScores struct {
	measure detect.Measure
	errors  []float64
	cells   []float32
}

func (s *otherScores) append(measure detect.Measure, cells []float32, errors ...float64) {
	if measure != "" {
		s.measure, s.errors, s.cells = measure, append(s.errors, errors...), append(s.cells, cells...)
	}
}

// of returns the scores by a measure, "" for the first; nil if there are none.
func (n *NormalScores) of(m detect.Measure) *NormalScores {
	switch {
	case m == "" || m == n.measure:
		return n
	case m != n.second.measure || len(n.second.errors) != len(n.clips):
		return nil
	}
	o := *n
	o.clips, o.cells, o.measure = slices.Clone(n.clips), n.second.cells, m
	for i, e := range n.second.errors {
		o.clips[i].error = e
	}
	return &o
}

// Add adds the next clip of the stream. It uses the raw errors, without a SensitivityMap.
func (n *NormalScores) Add(c detect.Clip) {
	first := len(n.clips) == 0 || n.newRecording
	own, other := c.Readings[0], c.Readings[1]
	n.measure = own.Measure
	n.clips = append(n.clips, normalClip{at: c.Time(), error: own.Raw, gap: c.Gap, first: first})
	n.cells = append(n.cells, own.Cells...)
	n.second.append(other.Measure, other.Cells, other.Raw)
	if first || c.Gap {
		n.done += n.until - n.began
		n.began = c.First.PTS
	}
	n.until, n.newRecording = c.Last.PTS, false
}

// Append adds the scores of another recording.
func (n *NormalScores) Append(o *NormalScores) {
	if len(o.clips) == 0 {
		return
	}
	at := len(n.clips)
	n.clips = append(n.clips, o.clips...)
	n.clips[at].first = true
	n.cells = append(n.cells, o.cells...)
	n.measure = o.measure
	n.second.append(o.second.measure, o.second.cells, o.second.errors...)
	n.done += n.until - n.began + o.done
	n.began, n.until, n.newRecording = o.began, o.until, o.newRecording
}

// NewRecording marks the next clip as the first of another recording.
func (n *NormalScores) NewRecording() { n.newRecording = true }

// Clips returns the number of clips.
func (n *NormalScores) Clips() int { return len(n.clips) }

// Seconds returns the length of the clips' video, without gaps.
func (n *NormalScores) Seconds() float64 { return (n.done + n.until - n.began).Seconds() }

// applySensitivity fits a SensitivityMap to the clips and recomputes their errors with it; nil if no cell is noisy.
func (n *NormalScores) applySensitivity() *SensitivityMap {
	if len(n.cells) != cellCount*len(n.clips) {
		return nil
	}
	p := fitSensitivity(n.cells)
	if p == nil {
		return nil
	}
	for i := range n.clips {
		n.clips[i].error = p.ClipError(n.cells[i*cellCount:][:cellCount])
	}
	return p
}

// heldLevels returns, for each clip, the highest level at which an event could have opened there; see levels.
func (n *NormalScores) heldLevels(cfg detect.Config, lo float64) []float64 {
	out, l := make([]float64, len(n.clips)), newLevels(cfg, lo)
	for i, c := range n.clips {
		out[i] = l.push(c.at, c.gap || c.first, c.error)
	}
	return out
}

// blocks cuts the video into blocks by the levels of its clips.
func (n *NormalScores) blocks(held []float64) (blocks []block) {
	var m blockMaker
	add := func(b block, ok bool) {
		if ok {
			blocks = append(blocks, b)
		}
	}
	for i, c := range n.clips {
		add(m.push(c.at, c.gap || c.first, held[i]))
	}
	add(m.end())
	return blocks
}

// thetaOf converts the detector's entry level to theta: the error at which regularity is 0.5.
func thetaOf(level, lo, enter float64) float64 { return lo + (level-lo)/(2*(1-enter)) }
