package pipeline

import "time"

const (
	// rateSlices is how many slices of stream time, each of a second and one step at most, the rate is measured over.
	rateSlices = 60
	rateSlice  = time.Second
	// rateSpan is the stream time after which a rate is known. Packets that are stamped when they arrive come in
	// bursts, so that a clip of 16 pictures may be a third off; half a minute is not.
	rateSpan = 30 * time.Second
	// evenSpan is the same where no step was over evenSteps times another: such a stream is not stamped by arrival.
	evenSpan  = 5 * time.Second
	evenSteps = 2.5
	// rateSteps is how many steps a rate is made of at least: those of a clip.
	rateSteps = 15
)

// rateMeter measures how many pictures a second the model sees, in stream time and without the gaps, over the last
// minute of an opening.
type rateMeter struct {
	slices [rateSlices]struct {
		steps int
		time  time.Duration
	}
	at          int           // the slice that is being filled
	steps       int           // of all slices
	time        time.Duration // likewise
	total       time.Duration // of all steps that ever came
	least, most time.Duration // steps
	last        time.Duration // stream time of the last picture
	any         bool          // last is one
}

// gap says that the next picture does not belong to the last one.
func (m *rateMeter) gap() { m.any = false }

// add takes the stream time of the next picture that the model sees.
func (m *rateMeter) add(pts time.Duration) {
	step := pts - m.last
	known := m.any
	m.last, m.any = pts, true
	if !known || step < 0 {
		return
	}
	if m.total == 0 && m.steps == 0 || step < m.least {
		m.least = step
	}
	m.most = max(m.most, step)
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

// rate is in pictures a second. It is known after rateSpan, or after even steps for a time of even.
func (m *rateMeter) rate(even time.Duration) (fps float64, known bool) {
	if m.steps < rateSteps || m.time <= 0 {
		return 0, false
	}
	span := rateSpan
	if m.least > 0 && float64(m.most) < evenSteps*float64(m.least) {
		span = even
	}
	return float64(m.steps) / m.time.Seconds(), m.time >= span
}
