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
	rateWithin      = 0.01                   // tolerance between the nominal rate and that of the steps
	arrivalSteps    = 256                    // recent steps of arrival
	schedulingSlack = 200 * time.Millisecond // delay of an arrival that our own scheduling may cause
)

// gapDetector learns the usual steps between a source's pictures.
//
// In stream time the usual step is the median of the positive steps, and more than twice that is a gap. The rate is the
// mean of all steps that are not gaps: sources that stamp pictures in bursts have many steps of 0, which the median
// ignores. In arrival time pictures come in bursts, a packet or a whole group of pictures at once, so the median step
// may be almost 0, and the pause between two bursts of 25 is longer than 19 steps in 20. So the usual pause is the
// largest step at first, and the fourth largest of 256 later, so that three outliers do not widen the rule. More than
// twice that is a gap, but never less than twice the median step of stream time, nor than schedulingSlack. Bursts above
// 64 pictures are not learned: the window restarts after each of them. Arrival matters for sources whose time stamps
// are only counted, so that stream time shows no gap.
type gapDetector struct {
	rate     float64                    // estimated frames a second; 0 unknown
	steps    [streamSteps]time.Duration // positive steps
	count    int                        // of positive steps, in all
	latest   [streamSteps]time.Duration // all steps of stream time
	came     int                        // of these, in all
	worst    time.Duration              // longest that was accepted while the median was unknown
	arrivals [arrivalSteps]time.Duration
	arrived  int // steps of arrival, in all
}

func newGapDetector(sourceFPS float64) gapDetector {
	r := gapDetector{}
	if sourceFPS >= 0.01 && sourceFPS <= 240 { // FFmpeg gives its clock's ticks, 90000, if it does not know
		r.rate = sourceFPS
	}
	return r
}

// fps returns the source's rate; 0 while unknown.
func (r *gapDetector) fps() float64 { return r.rate }

// usualStep returns the usual step of stream time; 0 while unknown.
func (r *gapDetector) usualStep() time.Duration {
	if r.count < warmUp {
		if r.rate == 0 {
			return 0
		}
		return time.Duration(float64(time.Second) / r.rate)
	}
	sorted := r.steps
	recent := sorted[:min(r.count, streamSteps)]
	slices.Sort(recent)
	return recent[len(recent)/2]
}

// stream adds a step of stream time and reports whether it is a gap.
func (r *gapDetector) stream(step time.Duration) bool {
	if step < 0 {
		return true
	}
	r.latest[r.came%streamSteps] = step
	r.came++
	if step == 0 {
		return false
	}
	limit := 2 * r.usualStep()
	r.steps[r.count%streamSteps] = step
	r.count++
	gap := limit > 0 && step > limit
	if r.count > warmUp {
		r.correct()
		return gap
	}
	if !gap {
		r.worst = max(r.worst, step)
	}
	if r.count < warmUp {
		return gap
	}
	// The usual step is known only now, so the earlier steps are checked afterwards; no cuboid was complete yet.
	r.correct()
	return gap || r.worst > 2*r.usualStep()
}

// correct replaces the nominal rate by that of the time stamps: cameras slow down at night, and some report a rate that
// they never have.
func (r *gapDetector) correct() {
	usual := r.usualStep()
	if usual <= 0 || r.rate > 0 && r.came < rateSteps {
		return
	}
	// Between two positive steps, so that these are whole bursts.
	var sum time.Duration
	n, from := 0, r.came-min(r.came, streamSteps)
	for r.latest[from%streamSteps] == 0 {
		from++
	}
	for i := from + 1; i < r.came; i++ {
		if step := r.latest[i%streamSteps]; step <= 2*usual {
			sum += step
			n++
		}
	}
	if sum == 0 {
		return
	}
	if measured := float64(n) / sum.Seconds(); math.Abs(r.rate/measured-1) > rateWithin {
		r.rate = measured
	}
}

// arrival adds a step of arrival and reports whether it is a gap.
func (r *gapDetector) arrival(step time.Duration) bool {
	usual := r.usualStep()
	if pause := r.usualPause(); pause > usual {
		usual = pause
	}
	r.arrivals[r.arrived%arrivalSteps] = step
	r.arrived++
	return usual > 0 && step > max(2*usual, schedulingSlack)
}

// usualPause is the largest step of arrival at first, and the fourth largest once 256 are known, with the ranks between
// on the way.
func (r *gapDetector) usualPause() time.Duration {
	n := min(r.arrived, arrivalSteps)
	var top [4]time.Duration // the largest, descending
	for _, step := range r.arrivals[:n] {
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
