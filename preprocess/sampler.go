package preprocess

import (
	"math"
	"time"
)

const (
	// evenWithin is how far a source's rate may be from a multiple of the wanted one for every n-th picture to be
	// taken: even steps are worth more than the last two in a hundred of the rate, and a rate that is measured is no
	// more exact than that.
	evenWithin = 0.02
	// early is by how much of a source's step a picture may come before it is due. A picture on time must not miss it
	// by a rounded time stamp.
	early = 0.25
	// follow is how much of the distance between the stream's time and the sampler's the latter makes up for with each
	// picture.
	follow = 1. / 16
)

// sampler chooses pictures of a source by their times, so that the mean rate of the chosen ones is the wanted one. A
// picture is due every 1/want seconds, and the first one that comes then is taken; where the rates divide that is
// every n-th picture. What is due is counted on, so that nothing drifts.
//
// Time stamps tremble, and some sources stamp several pictures at once and then none for a while. So due is judged by
// a clock of the sampler's own: it goes on by the source's usual step with each picture, a quarter of that more or
// less to follow the stamps. Then no burst of stamps has two pictures taken where one was due, and the pause after it
// leaves none out.
type sampler struct {
	want float64 // pictures a second; 0 for all
	on   bool    // a picture has been taken since the start
	// how much of the time until the next picture is due has passed; below 0 after one that was taken early
	phase float64
	lag   float64 // seconds by which the stream's time is ahead of the sampler's clock
}

// restart lets the next picture be taken, and what is due be counted from there.
func (s *sampler) restart() { s.on, s.phase, s.lag = false, 0, 0 }

// picks says whether pictures of a source of that rate are left out.
func (s *sampler) picks(rate float64) bool {
	n, _ := s.every(rate)
	return n > 1
}

// every gives how many pictures of a source come for one that is wanted, at least 1, and whether it is every n-th.
func (s *sampler) every(rate float64) (n float64, even bool) {
	if s.want <= 0 || rate <= 0 {
		return 1, true
	}
	n = rate / s.want
	if whole := max(math.Round(n), 1); n < whole*(1+evenWithin) && (whole == 1 || n > whole*(1-evenWithin)) {
		return whole, true
	}
	return n, false
}

// take says whether the next picture is taken, which is step after the one before. rate is the source's, 0 where it is
// not known.
func (s *sampler) take(step time.Duration, rate float64) bool {
	n, even := s.every(rate)
	switch {
	case !s.on || n == 1:
		s.on, s.phase, s.lag = true, 0, 0
		return true
	case even:
		s.phase += 1 / n
		s.lag = 0
	default:
		s.phase += s.want * s.tick(step.Seconds(), 1/rate)
	}
	if s.phase < 1-early/n {
		return false
	}
	// No more than one picture that could not be taken in time, as of a source that has become slower, is made up for.
	s.phase = min(s.phase-1, 1)
	return true
}

// tick is how far the sampler's clock goes on with a picture that comes step after the one before, where the usual
// step is another.
func (s *sampler) tick(step, usual float64) float64 {
	s.lag += step - usual
	catchUp := max(-usual/4, min(s.lag*follow, usual/4))
	s.lag -= catchUp
	return usual + catchUp
}
