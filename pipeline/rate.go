package pipeline

import "time"

const (
	// rateSlices is the number of slices of stream time, each at most a second and one step long, that the rate is
	// averaged over.
	rateSlices = 60
	rateSlice  = time.Second
	// rateSpan is the stream time after which the rate is known. Packets that are stamped on arrival come in bursts, so
	// 16 pictures may be a third off; half a minute is not.
	rateSpan = 30 * time.Second
	// evenSpan is the same if no step exceeded evenSteps times another: such a stream is not stamped on arrival.
	evenSpan  = 5 * time.Second
	evenSteps = 2.5
	// rateSteps is the minimum number of steps for a rate: those of a clip.
	rateSteps = 15
)

// rateMeter measures the rate of the sampled pictures, in stream time and without gaps, over the last minute of an
// opening.
type rateMeter struct {
	slices [rateSlices]struct {
		steps int
		time  time.Duration
	}
	at               int           // current slice
	steps            int           // of all slices
	time             time.Duration // of all slices
	total            time.Duration // of all steps so far
	minStep, maxStep time.Duration // shortest and longest step
	last             time.Duration // stream time of the last picture
	started          bool          // last is set
}

// gap separates the next picture from the last one.
func (m *rateMeter) gap() { m.started = false }

// add adds the stream time of the next sampled picture.
func (m *rateMeter) add(pts time.Duration) {
	step := pts - m.last
	known := m.started
	m.last, m.started = pts, true
	if !known || step < 0 {
		return
	}
	if m.total == 0 && m.steps == 0 || step < m.minStep {
		m.minStep = step
	}
	m.maxStep = max(m.maxStep, step)
	if m.slices[m.at].time >= rateSlice {
		m.at = (m.at + 1) % rateSlices
		s := &m.slices[m.at]
		m.steps, m.time = m.steps-s.steps, m.time-s.time
		s.steps, s.time = 0, 0
	}
	s := &m.slices[m.at]
	s.steps, s.time = s.steps+1, s.time+step
	m.steps, m.time, m.total = m.steps+1, m.time+step, m.total+step
}

// rate returns the rate in pictures a second. It is known after rateSpan, or after even if the steps are even.
func (m *rateMeter) rate(even time.Duration) (fps float64, known bool) {
	if m.steps < rateSteps || m.time <= 0 {
		return 0, false
	}
	span := rateSpan
	if m.minStep > 0 && float64(m.maxStep) < evenSteps*float64(m.minStep) {
		span = even
	}
	return float64(m.steps) / m.time.Seconds(), m.time >= span
}
