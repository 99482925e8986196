package preprocess

import (
	"math"
	"slices"
	"time"
)

const (
	streamSteps     = 64                     // recent steps of stream time whose median is the usual one
	warmUp          = 8                      // steps after which the median is believed
	rateSteps       = 32                     // steps after which their mean may overrule the rate that the source names
	rateWithin      = 0.01                   // how far the named rate may be from these steps' without being wrong
	arrivalSteps    = 256                    // recent steps of arrival
	schedulingSlack = 200 * time.Millisecond // by how much our own scheduling may delay an arrival
)

// gapDetector knows how far apart a source's pictures usually are.
//
// In stream time the usual step is the median, and over twice that is a gap. The rate is what the mean of the steps
// says that are no gap: sources that stamp pictures in bursts have many steps of nothing, and a median knows nothing
// of these. Arrival has no such rule: pictures come in bursts, a packet or a whole group of pictures at once, so that
// the median step may be nearly nothing and the pause between two bursts of 25 is longer than 19 steps in 20. So the
// usual pause is taken: the largest step while there are few, the fourth largest of 256 later, so that three odd ones
// do not widen the rule. Twice that is a gap, but never less than twice the median step of the stream's time, nor than
// what a busy machine makes of it. Bursts above 64 pictures are not learned: after each of them the window starts
// anew. Arrival matters for sources whose times are made up by counting, which show no gap there.
type gapDetector struct {
	rate     float64                    // that is believed, frames a second; 0 unknown
	steps    [streamSteps]time.Duration // that were more than 0
	count    int                        // of these, all that ever came
	latest   [streamSteps]time.Duration // steps of stream time, those of 0 too
	came     int                        // of these, all that ever came
	worst    time.Duration              // the longest that passed for none while the median was not known
	arrivals [arrivalSteps]time.Duration
	arrived  int // steps of arrival, all that ever came
}

func newGapDetector(sourceFPS float64) gapDetector {
	r := gapDetector{}
	if sourceFPS >= 0.01 && sourceFPS <= 240 { // FFmpeg gives its clock's ticks, 90000, where it does not know
		r.rate = sourceFPS
	}
	return r
}

// fps is the source's rate, 0 while it is not known.
func (r *gapDetector) fps() float64 { return r.rate }

// usualStep is the usual step of stream time, 0 while it is not known.
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

// stream takes a step of stream time and says whether it is a gap.
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
	// Only now is it known what a usual step is. What passed before is judged after the fact; no cuboid was complete.
	r.correct()
	return gap || r.worst > 2*r.usualStep()
}

// correct lets the pictures' own times overrule the rate that the source names: cameras slow down at night, and some
// name a rate that they never have.
func (r *gapDetector) correct() {
	usual := r.usualStep()
	if usual <= 0 || r.rate > 0 && r.came < rateSteps {
		return
	}
	// From one step that is not 0 to another, so that these are whole bursts.
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

// arrival takes a step of arrival and says whether it is a gap.
func (r *gapDetector) arrival(step time.Duration) bool {
	usual := r.usualStep()
	if pause := r.usualPause(); pause > usual {
		usual = pause
	}
	r.arrivals[r.arrived%arrivalSteps] = step
	r.arrived++
	return usual > 0 && step > max(2*usual, schedulingSlack)
}

// usualPause is the largest step of arrival, or the fourth largest when 256 are known, and between these in between.
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
