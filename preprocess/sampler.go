package preprocess

import (
	"math"
	"time"
)

const (
	// evenWithin is how far a source's rate may be from a multiple of the wanted rate for every n-th picture to be
	// taken: even steps matter more than 2 % of the rate, and measured rates are no more exact.
	evenWithin = 0.02
	// early is the fraction of the source's step by which a picture may be early. A picture on time must not miss its
	// slot by a rounded time stamp.
	early = 0.25
	// follow is the fraction of the lag between stream time and the sampler's clock that each picture makes up for.
	follow = 1. / 16
)

// sampler selects pictures by time, so that the mean rate of the selected ones is the wanted rate. A picture is due
// every 1/want seconds, and the first one after that is taken; if the rates divide, that is every n-th picture. The
// phase is carried on, so there is no drift.
//
// Time stamps have jitter, and some sources stamp several pictures at once and then none for a while. So the sampler
// has a clock of its own, which advances by the source's usual step with each picture, a quarter more or less to follow
// the stamps. A burst of equal stamps then does not take two pictures where one was due, and the pause after it skips
// none.
type sampler struct {
	want float64 // pictures a second; 0 for all
	on   bool    // a picture was taken since the restart
	// phase is the elapsed fraction of the interval to the next due picture; below 0 after an early one.
	phase float64
	lag   float64 // seconds by which stream time is ahead of the sampler's clock
}

// restart takes the next picture, and counts from there.
func (s *sampler) restart() { s.on, s.phase, s.lag = false, 0, 0 }

// picks reports whether pictures of a source with that rate are skipped.
func (s *sampler) picks(rate float64) bool {
	n, _ := s.every(rate)
	return n > 1
}

// every returns how many of the source's pictures there are for each wanted one, at least 1, and whether every n-th is
// taken.
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

// take reports whether to take the next picture, which is step after the one before. rate is the source's; 0 if
// unknown.
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
	// At most one missed picture is made up for, as when the source has become slower.
	s.phase = min(s.phase-1, 1)
	return true
}

// tick returns how far the sampler's clock advances for a picture that is step after the one before, given the usual
// step.
func (s *sampler) tick(step, usual float64) float64 {
	s.lag += step - usual
	catchUp := max(-usual/4, min(s.lag*follow, usual/4))
	s.lag -= catchUp
	return usual + catchUp
}
