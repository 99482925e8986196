package capture

import "time"

// arrivals makes stream times for a live source that has none, as motion JPEG over HTTP: the numbers that FFmpeg makes
// up for it, 25 a second, say nothing of the camera. The pictures' arrival does, but it trembles with the network and
// the machine. So each picture is the mean of the recent steps after the one before, a little more or less to follow
// arrival. Where arrival is too far ahead, after a pause, it is believed.
type arrivals struct {
	steps       [32]time.Duration // of arrival, the recent ones
	count       int               // of these, all since the last pause
	sum         time.Duration     // of steps
	began, came time.Time         // arrival of the first picture and of the last
	last        time.Duration     // time of the last picture
}

const (
	// arrivalGain is how much of the distance to arrival a picture makes up for.
	arrivalGain = 1. / 16
	// longestLag is by how much arrival may be ahead before it is believed.
	longestLag = time.Second
)

// at gives the time of the next picture since the first one, which came at now.
func (a *arrivals) at(now time.Time) time.Duration {
	if a.began.IsZero() {
		a.began, a.came = now, now
		return 0
	}
	step := now.Sub(a.came)
	passed := now.Sub(a.began)
	a.came = now
	if passed-a.last > longestLag+a.usual() {
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
	// A burst of pictures that were held up is told by short steps, never by one that goes back; none is long enough
	// for a gap.
	a.last += max(usual+max(-usual*3/4, min(follow, usual/2)), 1)
	return a.last
}

// usual is the mean of the recent steps, 0 while there is none.
func (a *arrivals) usual() time.Duration {
	return a.sum / time.Duration(max(1, min(a.count, len(a.steps))))
}
