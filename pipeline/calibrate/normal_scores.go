package calibrate

import (
	"cmp"
	"math"
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

// sustainedMin returns, for each clip, the lowest error of the last OpenAfter: a detector that enters at a lower level
// has an event open there. It is -Inf if the stretch is shorter than that.
func (n *NormalScores) sustainedMin(openAfter time.Duration) []float64 {
	out := make([]float64, len(n.clips))
	var lows []int // indices of the window's running minima, errors ascending
	start, from := 0, -1
	for i, c := range n.clips {
		if c.gap || c.first {
			start, from, lows = i, -1, lows[:0]
		}
		for len(lows) > 0 && n.clips[lows[len(lows)-1]].error >= c.error {
			lows = lows[:len(lows)-1]
		}
		lows = append(lows, i)
		for next := max(from+1, start); next <= i && n.clips[next].at <= c.at-openAfter; next++ {
			from = next
		}
		if from < 0 {
			out[i] = math.Inf(-1)
			continue
		}
		for lows[0] < from {
			lows = lows[1:]
		}
		out[i] = n.clips[lows[0]].error
	}
	return out
}

// heldLevels returns, for each clip, the highest level that an event could have opened at there, by the detector's
// rule: the lowest error of the last OpenAfter, or what is OpenAtOnce times as close to lo as the lower of the last two
// errors.
func (n *NormalScores) heldLevels(cfg detect.Config, lo float64) []float64 {
	held := n.sustainedMin(cfg.OpenAfter)
	if cfg.OpenAtOnce == 0 {
		return held
	}
	for i, c := range n.clips {
		if i > 0 && !c.gap && !c.first {
			both := min(c.error, n.clips[i-1].error)
			held[i] = max(held[i], lo+(both-lo)/cfg.OpenAtOnce)
		}
	}
	return held
}

// peaks runs the detector with the given entry level. It returns, for each event, the highest level at which the event
// would still have opened.
func (n *NormalScores) peaks(cfg detect.Config, held []float64, lo, level float64) []float64 {
	scales := []detect.Scale{{Lo: lo, Theta: thetaOf(level, lo, cfg.Enter)}}
	d := detect.NewDetector(cfg)
	var out []float64
	for i, c := range n.clips {
		if c.first {
			d = detect.NewDetector(cfg)
		}
		clip := detect.Clip{Centre: detect.Moment{PTS: c.at}, Gap: c.gap}
		clip.Readings[0].Error = c.error
		clip.ApplyScales(scales)
		change, _ := d.Push(clip)
		if change == detect.Started {
			// Rounding may put the peak at the level; the tail needs it above.
			out = append(out, math.Nextafter(level, math.Inf(1)))
		}
		if d.Open() {
			out[len(out)-1] = max(out[len(out)-1], held[i])
		}
	}
	return out
}

// thetaOf converts the detector's entry level to theta: the error at which regularity is 0.5.
func thetaOf(level, lo, enter float64) float64 { return lo + (level-lo)/(2*(1-enter)) }

const (
	// wantedPeaks are enough for a tail. More would need a lower level, where the errors do not follow the tail yet.
	wantedPeaks = 60
	// maxFraction is the largest share of clips that may lie above the level.
	maxFraction = 0.25
)

// selectPeaks lowers the level until the detector opens wantedPeaks events, and returns that level with their peaks. If
// it never does, it returns the level with the most.
func (n *NormalScores) selectPeaks(cfg detect.Config, lo float64) (level float64, peaks []float64) {
	held := n.heldLevels(cfg, lo)
	sorted := slices.DeleteFunc(slices.Clone(held), func(e float64) bool { return math.IsInf(e, -1) })
	slices.SortFunc(sorted, func(a, b float64) int { return cmp.Compare(b, a) })
	for k := 10; k < int(maxFraction*float64(len(sorted))) && sorted[k] > lo; k += max(1, k/5) {
		found := n.peaks(cfg, held, lo, sorted[k])
		if len(found) > len(peaks) {
			level, peaks = sorted[k], found
		}
		if len(peaks) >= wantedPeaks {
			break
		}
	}
	return level, peaks
}
