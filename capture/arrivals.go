package capture

import "time"

// arrivals derives stream times for a live source without timestamps, such as motion JPEG over HTTP. FFmpeg invents 25
// frames a second for such a source, whatever the camera's rate. Arrival times follow the true rate but jitter with the
// network and the machine. So each frame is placed the mean of the recent arrival steps after the previous one, plus a
// fraction of the remaining distance to its arrival. After a pause the arrival time is used as it is.
type arrivals struct {
	steps          [32]time.Duration // between recent arrivals
	count          int               // of steps since the last pause
	sum            time.Duration     // of steps
	began, arrived time.Time         // arrival of the first frame and of the last
	last           time.Duration     // stream time of the last frame
}

const (
	// arrivalGain is the share of the distance to arrival that one frame corrects.
	arrivalGain = 1. / 16
	// maxLag is how far arrival may be ahead before the arrival time is used as it is.
	maxLag = time.Second
)

// at returns the stream time of a frame that arrived at now, counted from the first frame.
func (a *arrivals) at(now time.Time) time.Duration {
	if a.began.IsZero() {
		a.began, a.arrived = now, now
		return 0
	}
	step := now.Sub(a.arrived)
	passed := now.Sub(a.began)
	a.arrived = now
	if passed-a.last > maxLag+a.usual() {
		a.count, a.sum, a.last = 0, 0, passed
		return passed
	}
	at := a.count % len(a.steps)
	if a.count >= len(a.steps) {
		a.sum -= a.steps[at]
	}
	a.steps[at] = step
	a.sum += step
	a.count++
	usual := a.usual()
	follow := time.Duration(arrivalGain * float64(passed-a.last-usual))
	// A burst of delayed frames shows as short steps, never as a step backwards. Steps are bounded so that none counts
	// as a gap.
	a.last += max(usual+max(-usual*3/4, min(follow, usual/2)), 1)
	return a.last
}

// usual is the mean of the recent steps, 0 if there are none.
func (a *arrivals) usual() time.Duration {
	return a.sum / time.Duration(max(1, min(a.count, len(a.steps))))
}
