package calibrate

import (
	"cmp"
	"math"
	"slices"
	"time"
	"vigil/pipeline/detect"
)

// NormalScores is what was scored of normal video, for Fit. It keeps some 300 bytes of a clip, which are 50 MB of a
// day at hop 8 and 25 frames a second. The zero value is empty.
type NormalScores struct {
	clips []normalClip
	cells []float32 // [clips][cellCount]; nil where the score has no windows
	began time.Duration
	until time.Duration // of the unbroken stretch that is under way
	done  time.Duration // of those before
	cut   bool
}

type normalClip struct {
	at    time.Duration
	error float64
	gap   bool // the clips before are of another stretch
	first bool // and of another recording
}

// Add takes the next clip of the stream. It must not have been weighed by SensitivityMap.
func (n *NormalScores) Add(c detect.Clip) {
	first := len(n.clips) == 0 || n.cut
	n.clips = append(n.clips, normalClip{at: c.Time(), error: c.Raw, gap: c.Gap, first: first})
	n.cells = append(n.cells, c.Cells...)
	if first || c.Gap {
		n.done += n.until - n.began
		n.began = c.First.PTS
	}
	n.until, n.cut = c.Last.PTS, false
}

// Append adds what was scored of another recording.
func (n *NormalScores) Append(o *NormalScores) {
	if len(o.clips) == 0 {
		return
	}
	at := len(n.clips)
	n.clips = append(n.clips, o.clips...)
	n.clips[at].first = true
	n.cells = append(n.cells, o.cells...)
	n.done += n.until - n.began + o.done
	n.began, n.until, n.cut = o.began, o.until, o.cut
}

// NewRecording says that the next clip is of another recording.
func (n *NormalScores) NewRecording() { n.cut = true }

// Clips is how many there are.
func (n *NormalScores) Clips() int { return len(n.clips) }

// Seconds is how much video the clips are from, without the gaps.
func (n *NormalScores) Seconds() float64 { return (n.done + n.until - n.began).Seconds() }

// applySensitivity judges every clip's error by the restless places among them, and returns these.
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

// sustainedMin gives, for each clip, the highest level below which an event opens there: the lowest error since
// OpenAfter before. It is -Inf where the stretch is not that old.
func (n *NormalScores) sustainedMin(openAfter time.Duration) []float64 {
	out := make([]float64, len(n.clips))
	var lows []int // clips from the window's first on, each lower than all before it and after the one before
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

// peaks runs the detector with its threshold at a level of the error. Each event that it opens has the highest level
// at which it would have opened still.
func (n *NormalScores) peaks(cfg detect.Config, held []float64, lo, level float64) []float64 {
	theta := thetaOf(level, lo, cfg.Enter)
	d := detect.NewDetector(cfg, lo)
	var out []float64
	for i, c := range n.clips {
		if c.first {
			d = detect.NewDetector(cfg, lo)
		}
		change, _ := d.Push(detect.Clip{
			Centre: detect.Moment{PTS: c.at}, Error: c.error, Regularity: detect.Regularity(c.error, lo, theta),
			Gap: c.gap,
		})
		if change == detect.Started {
			// An event at the level is above it, whatever was rounded.
			out = append(out, math.Nextafter(level, math.Inf(1)))
		}
		if d.Open() {
			out[len(out)-1] = max(out[len(out)-1], held[i])
		}
	}
	return out
}

// thetaOf is the threshold with which the detector enters at a level of the error: the one at which regularity is 0.5.
func thetaOf(level, lo, enter float64) float64 { return lo + (level-lo)/(2*(1-enter)) }

const (
	// wantedPeaks are enough for a tail; more would come from lower down, where the errors are not a tail yet.
	wantedPeaks = 60
	// maxFraction is the share of clips below which nobody looks for peaks.
	maxFraction = 0.25
)

// selectPeaks lowers the level until the detector opens enough events, and returns that level with their peaks. Where
// it never does, it is the level with the most.
func (n *NormalScores) selectPeaks(cfg detect.Config, lo float64) (level float64, peaks []float64) {
	held := n.sustainedMin(cfg.OpenAfter)
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
