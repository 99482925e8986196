package capture

import (
	"fmt"
	"time"
)

// ptsClock makes stream times of what a container or a protocol says of its pictures' times. That is a picture's
// presentation time, in order of display, but some are none: a raw elementary stream has 0 for ever, and the pictures
// that OpenCV's decoder still holds at the end of a file (as many as it reorders) have 0 too. And some are wrong:
// recorders stamp single pictures hours ahead, cameras set their clock, counters of 32 or 33 bits begin again.
//
// A leap is judged by the pictures' arrival where the source is live. Whatever a stream's clock says, no picture is
// there before it was taken: stream time that runs ahead of arrival by more than it ever did has leapt, and so has one
// that goes back. Its time is then one step after the picture before, or as much later as it came later. A recording
// has no such witness. There a step forward of less than an hour is a hole, whose length is right, and a step back is
// passed on; a longer step forward is a cut of unknown length. A time that comes back to where it was before a leap is
// believed again.
type ptsClock struct {
	live  bool          // arrival says something about the stream's time
	began time.Time     // when the source was opened
	step  time.Duration // between pictures as far as the header says

	count     int
	offset    time.Duration // from reported to given times
	raw, last time.Duration // of the last picture: as reported, as given out
	arrived   time.Time     // likewise
	ahead     time.Duration // by how much the stream's time is behind arrival, at the least

	before  time.Duration // the offset before the last leap
	hasLeft bool          // before is one
	fresh   bool          // the last picture was the first one after a leap forward of a live source
	leaps   int
	noted   bool
	farther time.Duration // how far the first leap went
}

const (
	// leapAtLeast is by how much a live stream's time may run ahead of its arrival before it has leapt.
	leapAtLeast = 2 * time.Second
	// longestHole is the longest step that is believed of a recording.
	longestHole = time.Hour
	// clockDrift is by what part of a time a camera's clock may differ from ours, and more.
	clockDrift = 1000
)

// wraps are the periods of counters that begin again: 33 bits of MPEG-TS and 32 of RTP at 90 kHz, 32 of FLV's
// milliseconds.
var wraps = []time.Duration{
	(1 << 33) * time.Second / 90000, (1 << 32) * time.Second / 90000, (1 << 32) * time.Millisecond,
}

// at gives the time of the next picture since the first one, which came at now. Where the reported time stands still
// the last time plus one step is given. A cut means that an unknown time lies between this picture and the one before.
func (c *ptsClock) at(raw time.Duration, now time.Time) (pts time.Duration, cut bool) {
	c.count++
	elapsed := now.Sub(c.arrived)
	defer func() { c.raw, c.last, c.arrived = raw, pts, now }()
	if c.count == 1 {
		c.offset = -raw
		c.ahead = now.Sub(c.began)
		return 0, false
	}
	pts = raw + c.offset
	if c.count == 2 && (raw <= c.raw || c.isLeap(pts, now)) { // RTSP has no time yet for its first picture
		c.offset = c.step - raw
		return c.step, false
	}
	cut, c.fresh = c.fresh, false
	switch {
	case raw >= c.raw && pts <= c.last:
		pts = c.last + c.step
	case raw < c.raw:
		if back, ok := c.goneBack(raw, elapsed); ok {
			return back, false
		} else if c.live {
			pts, cut = c.repair(raw, elapsed), true
		}
	case c.isLeap(pts, now):
		cut, c.fresh = !c.live, false
		if back, ok := c.goneBack(raw, elapsed); ok {
			c.leaps++
			return back, cut
		}
		pts = c.repair(raw, elapsed)
		// the next picture says whether this was a single one with a wrong time, or something is missing
		c.fresh = c.live
	}
	c.witness(pts, now, elapsed)
	return pts, cut
}

// isLeap says whether a time is too far ahead to be believed.
func (c *ptsClock) isLeap(pts time.Duration, now time.Time) bool {
	step := pts - c.last
	if !c.vouched(now) {
		return step > max(longestHole, 100*c.step)
	}
	tolerance := max(leapAtLeast, 10*c.step)
	return step > tolerance && now.Sub(c.began)-pts < c.ahead-tolerance
}

// vouched says whether arrival is a clock: a server that sends a recording as fast as it can makes none.
func (c *ptsClock) vouched(now time.Time) bool {
	return c.live && 2*now.Sub(c.began) >= c.last
}

// witness takes note of by how much a believed time is behind its arrival.
func (c *ptsClock) witness(pts time.Duration, now time.Time, elapsed time.Duration) {
	c.ahead = min(now.Sub(c.began)-pts, c.ahead+elapsed/clockDrift)
}

// goneBack gives the time of a picture whose reported time continues the one before the last leap, or whose counter
// began again.
func (c *ptsClock) goneBack(raw, elapsed time.Duration) (time.Duration, bool) {
	fits := func(offset time.Duration) bool {
		step := raw + offset - c.last
		return step > 0 && step <= max(leapAtLeast, 10*c.step)+elapsed
	}
	if c.hasLeft && fits(c.before) {
		c.offset, c.before = c.before, c.offset
		c.fresh = false
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

// repair gives the time of a picture whose reported one is not believed, and takes note of the leap.
func (c *ptsClock) repair(raw, elapsed time.Duration) time.Duration {
	pts := c.last + c.step
	if c.live && elapsed > max(leapAtLeast, 5*c.step) {
		pts = c.last + elapsed
	}
	if c.leaps++; c.leaps == 1 {
		c.farther = raw - c.raw
	}
	c.before, c.hasLeft = c.offset, true
	c.offset = pts - raw
	return pts
}

// untimed gives a time for a picture that has none; it is not the first.
func (c *ptsClock) untimed(now time.Time) time.Duration {
	c.count++
	c.last += c.step
	c.arrived = now
	return c.last
}

// note says once what was wrong with the stream's times; empty for nothing.
func (c *ptsClock) note() string {
	if c.leaps == 0 || c.noted {
		return ""
	}
	c.noted = true
	leap := c.farther.Round(time.Millisecond)
	if c.live {
		return fmt.Sprintf(
			"the stream's clock leaps (the first time by %v), which the pictures' arrival does not bear out: its "+
				"times are mended", leap)
	}
	return fmt.Sprintf("the recording's clock leaps by %v: taken for a cut of unknown length", leap)
}
