package calibrate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"vigil/pipeline/calibrate/tail"
	"vigil/pipeline/detect"
)

const (
	// adaptEvery is how much normal video lies between two adaptations.
	adaptEvery = 10 * time.Minute
	// mostADay is the factor by which theta's distance from lo changes at most in a day.
	mostADay = 1.5
	// keptBlocks is how many of the highest blocks are kept for each measure.
	keptBlocks = 400
)

// Adaptive adapts a camera's thresholds while it is watched: what is normal there joins the calibration's own video, so
// that theta, which little video puts high or makes allow more alarms, comes to the budget. Clips of events, and what
// is not given to Push, do not count. It is not safe for concurrent use.
type Adaptive struct {
	cal      *Calibration
	cfg      detect.Config
	measures []*adaptiveMeasure
	seconds  float64 // of normal video while watching

	last    time.Duration // of the latest clip; valid if going
	going   bool
	sinceUp time.Duration // normal video since the last adaptation
}

// adaptiveMeasure is one measure's part.
type adaptiveMeasure struct {
	measure   detect.Measure
	lo, theta float64
	levels    *levels
	maker     blockMaker
	waiting   []timedBlock // may still turn out to be the beginning of an event
	highest   []block      // sorted by number, keptBlocks to twice that
	total     int
}

type timedBlock struct {
	block
	began time.Duration
}

// NewAdaptive starts with a calibration, and goes on with what an earlier run has saved if that is of the same
// calibration. It returns nil for a calibration without a budget.
func NewAdaptive(cal *Calibration, cfg detect.Config, saved *Adapted) *Adaptive {
	if cal == nil || !(cal.AlarmsPerDay > 0) {
		return nil
	}
	a := &Adaptive{cal: cal, cfg: cfg}
	fits := []MeasureFit{{Lo: cal.Lo, Theta: cal.Theta, Tail: cal.Tail}}
	measures := []detect.Measure{MeasureOf(cal.ScoreForm)}
	if cal.Appearance != nil {
		fits, measures = append(fits, *cal.Appearance), append(measures, detect.Appearance)
	}
	for i, f := range fits {
		m := &adaptiveMeasure{
			measure: measures[i], lo: f.Lo, theta: f.Theta, levels: newLevels(cfg, f.Lo),
		}
		if f.Tail != nil {
			m.total = f.Tail.Blocks
			for k, p := range f.Tail.Peaks {
				m.highest = append(m.highest, block{int64(2 * (k - len(f.Tail.Peaks))), p})
			}
		}
		a.measures = append(a.measures, m)
	}
	if saved.fits(a) {
		a.seconds = saved.Seconds
		for i, s := range saved.Measures {
			m := a.measures[i]
			m.theta, m.total, m.highest = s.Theta, s.Blocks, s.blocks()
			if n := len(m.highest); n > 0 {
				m.maker.block.number = m.highest[n-1].number + 2
			}
		}
	}
	return a
}

// Theta sets the thresholds of a camera's scales to the adapted ones.
func (a *Adaptive) Theta(scales []detect.Scale) {
	for i := range scales {
		for _, m := range a.measures {
			if scales[i].Measure == m.measure {
				scales[i].Theta = m.theta
			}
		}
	}
}

// Gap says that the next clip does not follow on the last one: what lies between is not normal, or not known.
func (a *Adaptive) Gap() { a.going = false }

// Push takes a normal clip: no event is open, and the camera is armed and trusted. It reports whether the thresholds
// were adapted.
func (a *Adaptive) Push(c *detect.Clip) bool {
	at := c.Time()
	gap := !a.going || c.Gap
	if !gap {
		a.seconds += (at - a.last).Seconds()
		a.sinceUp += at - a.last
	}
	a.going, a.last = true, at
	for _, m := range a.measures {
		r, ok := c.Read(m.measure)
		if !ok {
			continue
		}
		began := m.maker.began
		if b, ok := m.maker.push(at, gap, m.levels.push(at, gap, r.Error)); ok {
			m.waiting = append(m.waiting, timedBlock{b, began})
		}
		for len(m.waiting) > 0 && at-m.waiting[0].began > a.delay() {
			m.keep(m.waiting[0].block)
			m.waiting = m.waiting[1:]
		}
	}
	if a.sinceUp < adaptEvery {
		return false
	}
	elapsed := a.sinceUp
	a.sinceUp = 0
	for _, m := range a.measures {
		m.adapt(a.days(), a.cal.expected(a.days())/a.cal.measures(), a.cfg.Enter, elapsed)
	}
	return true
}

// delay is how long a block waits: an event that opens begins with the first clip above theta, before OpenAfter or in
// the CoolDown.
func (a *Adaptive) delay() time.Duration { return a.cfg.OpenAfter + a.cfg.CoolDown + 2*blockLength }

// days is the length of all normal video, with the calibration's.
func (a *Adaptive) days() float64 { return (a.cal.Seconds + a.seconds) / secondsADay }

// Event says that an event has opened, or that the camera cannot be trusted, and that it began at a time: what is since
// then does not count.
func (a *Adaptive) Event(began time.Duration) {
	a.going = false
	for _, m := range a.measures {
		if _, ok := m.maker.end(); ok {
			m.maker.block.number++ // the next one does not follow on it
		}
		m.waiting = slices.DeleteFunc(m.waiting, func(b timedBlock) bool { return b.began+blockLength > began })
	}
}

// keep adds a normal block.
func (m *adaptiveMeasure) keep(b block) {
	m.total++
	m.highest = append(m.highest, b)
	if len(m.highest) < 2*keptBlocks {
		return
	}
	slices.SortFunc(m.highest, func(a, b block) int { return cmp.Compare(b.level, a.level) })
	m.highest = m.highest[:keptBlocks]
	slices.SortFunc(m.highest, func(a, b block) int { return cmp.Compare(a.number, b.number) })
}

// adapt moves theta towards what the video of so many days tells about so many alarms a day, by what is allowed in the
// time since the last adaptation.
func (m *adaptiveMeasure) adapt(days, perDay, enter float64, elapsed time.Duration) {
	level, peaks := selectPeaks(m.highest, m.total)
	if len(peaks) < tail.MinPeaks {
		return
	}
	// What lies above the threshold is an event, so it is not among the peaks.
	bound := max(m.lo+2*(1-enter)*(m.theta-m.lo), slices.Max(peaks))
	t, err := tail.FitBelow(bound, level, peaks, days)
	if err != nil {
		return
	}
	wanted := thetaOf(t.Level(perDay), m.lo, enter) - m.lo
	most := math.Pow(mostADay, elapsed.Hours()/24)
	now := m.theta - m.lo
	m.theta = m.lo + min(max(wanted, now/most), now*most)
}
