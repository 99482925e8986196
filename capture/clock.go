package capture

import (
	"fmt"
	"time"
)

// ptsClock turns reported presentation timestamps into stream times. Frames come in display order. Some timestamps are
// missing: a raw elementary stream always reports 0, and so do the frames that OpenCV's decoder still holds at the end
// of a file (as many as it reorders). Others are wrong: recorders stamp single frames hours ahead, cameras set their
// clock, and counters of 32 or 33 bits wrap.
//
// In a live source, leaps are detected by arrival times. A frame cannot arrive before it was captured, so stream time
// has leapt if it runs ahead of arrival by more than it ever did, or if it goes back. The frame then gets a time one
// step after the previous one, or later by the delay between their arrivals. Recordings have no arrival times to check
// against: a step forward of less than an hour is a gap of that length, a step back is passed on, and a longer step
// forward is a discontinuity of unknown length. If the timestamps return to the sequence from before a leap, they are
// used again.
type ptsClock struct {
	live  bool          // arrival times can check the stream's times
	began time.Time     // when the source was opened
	step  time.Duration // between frames according to the header

	count     int
	offset    time.Duration // from reported to returned times
	raw, last time.Duration // of the last frame: as reported, as returned
	arrived   time.Time     // arrival of the last frame
	ahead     time.Duration // minimum delay of arrival behind stream time

	before    time.Duration // offset before the last leap
	hasBefore bool          // before is set
	afterLeap bool          // the last frame was the first one after a forward leap of a live source
	leaps     int
	noted     bool
	firstLeap time.Duration // size of the first leap
}

const (
	// minLeap is how far a live stream's time may run ahead of its arrival before that counts as a leap.
	minLeap = 2 * time.Second
	// maxGap is the longest step that counts as a gap in a recording.
	maxGap = time.Hour
	// clockDrift bounds the drift of a camera's clock against ours: at most 1/clockDrift of the elapsed time.
	clockDrift = 1000
)

// wraps are the periods of counters that wrap: 33 bits (MPEG-TS) and 32 bits (RTP) at 90 kHz, 32 bits of milliseconds
// (FLV).
var wraps = []time.Duration{
	(1 << 33) * time.Second / 90000, (1 << 32) * time.Second / 90000, (1 << 32) * time.Millisecond,
}

// at returns the stream time, counted from the first frame, of a frame that arrived at now. If the reported time does
// not advance, the result is the last time plus one step. cut means that an unknown time lies between this frame and
// the previous one.
func (c *ptsClock) at(raw time.Duration, now time.Time) (pts time.Duration, discontinuity bool) {
	c.count++
	elapsed := now.Sub(c.arrived)
	defer func() { c.raw, c.last, c.arrived = raw, pts, now }()
	if c.count == 1 {
		c.offset = -raw
		c.ahead = now.Sub(c.began)
		return 0, false
	}
	pts = raw + c.offset
	if c.count == 2 && (raw <= c.raw || c.isLeap(pts, now)) { // RTSP may lack a valid timestamp for its first frame
		c.offset = c.step - raw
		return c.step, false
	}
	discontinuity, c.afterLeap = c.afterLeap, false
	switch {
	case raw >= c.raw && pts <= c.last:
		pts = c.last + c.step
	case raw < c.raw:
		if back, ok := c.resume(raw, elapsed); ok {
			return back, false
		} else if c.live {
			pts, discontinuity = c.repair(raw, elapsed), true
		}
	case c.isLeap(pts, now):
		discontinuity, c.afterLeap = !c.live, false
		if back, ok := c.resume(raw, elapsed); ok {
			c.leaps++
			return back, discontinuity
		}
		pts = c.repair(raw, elapsed)
		// The next frame shows whether a single timestamp was wrong or frames are missing.
		c.afterLeap = c.live
	}
	c.updateAhead(pts, now, elapsed)
	return pts, discontinuity
}

// isLeap reports whether a time is too far ahead to be plausible.
func (c *ptsClock) isLeap(pts time.Duration, now time.Time) bool {
	step := pts - c.last
	if !c.arrivalIsClock(now) {
		return step > max(maxGap, 100*c.step)
	}
	tolerance := max(minLeap, 10*c.step)
	return step > tolerance && now.Sub(c.began)-pts < c.ahead-tolerance
}

// arrivalIsClock reports whether arrival times can serve as a clock. They cannot if a server sends a recording as fast
// as possible.
func (c *ptsClock) arrivalIsClock(now time.Time) bool {
	return c.live && 2*now.Sub(c.began) >= c.last
}

// updateAhead updates the minimum delay between an accepted time and its arrival.
func (c *ptsClock) updateAhead(pts time.Duration, now time.Time, elapsed time.Duration) {
	c.ahead = min(now.Sub(c.began)-pts, c.ahead+elapsed/clockDrift)
}

// resume returns the time of a frame whose reported time continues the sequence before the last leap, or whose
// counter wrapped.
func (c *ptsClock) resume(raw, elapsed time.Duration) (time.Duration, bool) {
	fits := func(offset time.Duration) bool {
		step := raw + offset - c.last
		return step > 0 && step <= max(minLeap, 10*c.step)+elapsed
	}
	if c.hasBefore && fits(c.before) {
		c.offset, c.before = c.before, c.offset
		c.afterLeap = false
		return raw + c.offset, true
	}
	for _, period := range wraps {
		if raw < c.raw && fits(c.offset+period) {
			c.offset += period
			return raw + c.offset, true
		}
	}
	return 0, false
}

// repair replaces the implausible reported time of a frame and records the leap.
func (c *ptsClock) repair(raw, elapsed time.Duration) time.Duration {
	pts := c.last + c.step
	if c.live && elapsed > max(minLeap, 5*c.step) {
		pts = c.last + elapsed
	}
	if c.leaps++; c.leaps == 1 {
		c.firstLeap = raw - c.raw
	}
	c.before, c.hasBefore = c.offset, true
	c.offset = pts - raw
	return pts
}

// untimed returns a time for a frame without a timestamp that is not the first frame.
func (c *ptsClock) untimed(now time.Time) time.Duration {
	c.count++
	c.last += c.step
	c.arrived = now
	return c.last
}

// note describes leaps in the stream's times, once; empty if there were none.
func (c *ptsClock) note() string {
	if c.leaps == 0 || c.noted {
		return ""
	}
	c.noted = true
	leap := c.firstLeap.Round(time.Millisecond)
	if c.live {
		return fmt.Sprintf(
			"the stream's clock leaps (the first time by %v), which contradicts the arrival of its pictures: its "+
				"timestamps are corrected", leap)
	}
	return fmt.Sprintf("the recording's clock leaps by %v: treated as a gap of unknown length", leap)
}
