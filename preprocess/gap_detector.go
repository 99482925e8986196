package preprocess

import (
	"math"
	"slices"
	"time"
)

const (
	streamSteps     = 64                     // recent steps of stream time whose median is the usual step
	warmUp          = 8                      // steps until the median is used
	rateSteps       = 32                     // steps until their mean may override the source's nominal rate
	rateTolerance   = 0.01                   // tolerance between the nominal rate and that of the steps
	arrivalSteps    = 256                    // recent steps of arrival
	schedulingSlack = 200 * time.Millisecond // delay of an arrival that our own scheduling may cause
)

// gapDetector learns the usual steps between a source's pictures; Window.observe decides with them what is a gap.
//
// In stream time the usual step is the median of the positive steps, and more than twice that is a gap. The rate is the
// mean of all steps that are not gaps: sources that stamp pictures in bursts have many steps of 0, which the median
// ignores. In arrival time pictures come in bursts, a packet or a whole group of pictures at once, so the median step
// may be almost 0, and the pause between two bursts of 25 is longer than 19 steps in 20. So the typical pause is the
// largest step at first, and the fourth largest of 256 later, so that three outliers do not widen the rule. More than
// twice that is a gap, but never less than twice the median step of stream time, nor than schedulingSlack. Bursts above
// 64 pictures are not learned: the window restarts after each of them. Arrival matters for sources whose time stamps
// are only counted, so that stream time shows no gap.
type gapDetector struct {
	rate          float64                    // estimated frames a second; 0 unknown
	steps         [streamSteps]time.Duration // positive steps
	positiveCount int                        // positive steps, in all
	latest        [streamSteps]time.Duration // all steps of stream time
	stepCount     int                        // steps of stream time, in all
	longest       time.Duration              // longest that was accepted while the median was unknown
	arrivals      [arrivalSteps]time.Duration
	arrivalCount  int // steps of arrival, in all
}

func newGapDetector(sourceFPS float64) gapDetector {
	d := gapDetector{}
	if sourceFPS >= 0.01 && sourceFPS <= 240 { // FFmpeg gives its clock's ticks, 90000, if it does not know
		d.rate = sourceFPS
	}
	return d
}

// fps returns the source's rate; 0 while unknown.
func (d *gapDetector) fps() float64 { return d.rate }

// typicalStep returns the usual step of stream time; 0 while unknown.
func (d *gapDetector) typicalStep() time.Duration {
	if d.positiveCount < warmUp {
		if d.rate == 0 {
			return 0
		}
		return time.Duration(float64(time.Second) / d.rate)
	}
	sorted := d.steps
	recent := sorted[:min(d.positiveCount, streamSteps)]
	slices.Sort(recent)
	return recent[len(recent)/2]
}

// addStreamStep adds a step of stream time and reports whether it is a gap.
func (d *gapDetector) addStreamStep(step time.Duration) bool {
	if step < 0 {
		return true
	}
	d.latest[d.stepCount%streamSteps] = step
	d.stepCount++
	if step == 0 {
		return false
	}
	limit := 2 * d.typicalStep()
	d.steps[d.positiveCount%streamSteps] = step
	d.positiveCount++
	gap := limit > 0 && step > limit
	if d.positiveCount > warmUp {
		d.updateRate()
		return gap
	}
	if !gap {
		d.longest = max(d.longest, step)
	}
	if d.positiveCount < warmUp {
		return gap
	}
	// The usual step is known only now, so the earlier steps are checked afterwards; no cuboid was complete yet.
	d.updateRate()
	return gap || d.longest > 2*d.typicalStep()
}

// updateRate replaces the nominal rate by that of the time stamps: cameras slow down at night, and some report a rate
// that they never have.
func (d *gapDetector) updateRate() {
	usual := d.typicalStep()
	if usual <= 0 || d.rate > 0 && d.stepCount < rateSteps {
		return
	}
	// Between two positive steps, so that these are whole bursts.
	var sum time.Duration
	n, from := 0, d.stepCount-min(d.stepCount, streamSteps)
	for d.latest[from%streamSteps] == 0 {
		from++
	}
	for i := from + 1; i < d.stepCount; i++ {
		if step := d.latest[i%streamSteps]; step <= 2*usual {
			sum += step
			n++
		}
	}
	if sum == 0 {
		return
	}
	if measured := float64(n) / sum.Seconds(); math.Abs(d.rate/measured-1) > rateTolerance {
		d.rate = measured
	}
}

// addArrivalStep adds a step of arrival and reports whether it is a gap.
func (d *gapDetector) addArrivalStep(step time.Duration) bool {
	usual := d.typicalStep()
	if pause := d.typicalPause(); pause > usual {
		usual = pause
	}
	d.arrivals[d.arrivalCount%arrivalSteps] = step
	d.arrivalCount++
	return usual > 0 && step > max(2*usual, schedulingSlack)
}

// typicalPause is the largest step of arrival at first, and the fourth largest once 256 are known, with the ranks
// between on the way.
func (d *gapDetector) typicalPause() time.Duration {
	n := min(d.arrivalCount, arrivalSteps)
	var top [4]time.Duration // the largest, descending
	for _, step := range d.arrivals[:n] {
		for i, t := range top {
			if step > t {
				copy(top[i+1:], top[i:])
				top[i] = step
				break
			}
		}
	}
	return top[n*3/arrivalSteps]
}
