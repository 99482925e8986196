package calibrate

import (
	"math"
	"time"

	"vigil/pipeline/detect"
)

// levels gives, for each clip of a stream, the highest level at which the detector could have opened an event there:
// the lowest error of the last OpenAfter, or what is OpenAtOnce times as close to lo as the lower of the last two
// errors.
type levels struct {
	openAfter  time.Duration
	openAtOnce float64
	lo         float64

	// window are the clips since the latest one that is at least OpenAfter old; lows are those of them that are lower
	// than all later ones.
	window, lows []leveled
	pushed       uint64
	last         float64 // error of the clip before; NaN after a gap
}

type leveled struct {
	number uint64
	at     time.Duration
	error  float64
}

func newLevels(cfg detect.Config, lo float64) *levels {
	return &levels{openAfter: cfg.OpenAfter, openAtOnce: cfg.OpenAtOnce, lo: lo, last: math.NaN()}
}

// push takes the next clip; gap is set if it does not follow on the one before. The level is -Inf until the stretch is
// long enough for an event.
func (l *levels) push(at time.Duration, gap bool, e float64) float64 {
	if gap {
		l.window, l.lows, l.last = l.window[:0], l.lows[:0], math.NaN()
	}
	c := leveled{l.pushed, at, e}
	l.pushed++
	for len(l.lows) > 0 && l.lows[len(l.lows)-1].error >= e {
		l.lows = l.lows[:len(l.lows)-1]
	}
	l.window, l.lows = append(l.window, c), append(l.lows, c)
	for len(l.window) > 1 && l.window[1].at <= at-l.openAfter {
		l.window = l.window[1:]
	}
	for l.lows[0].number < l.window[0].number {
		l.lows = l.lows[1:]
	}
	level := math.Inf(-1)
	if l.window[0].at <= at-l.openAfter {
		level = l.lows[0].error
	}
	if both := min(e, l.last); l.openAtOnce > 0 && both == both { //nolint:gocritic // not NaN
		level = max(level, l.lo+(both-l.lo)/l.openAtOnce)
	}
	l.last = e
	return level
}
