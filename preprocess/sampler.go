package preprocess

import (
	"math"
	"time"
)

const (
	// divisorTolerance is how far a source's rate may be from a multiple of the wanted rate for every n-th picture to
	// be taken: even steps matter more than 2 % of the rate, and measured rates are no more exact.
	divisorTolerance = 0.02
	// earlyTolerance is the fraction of the source's step by which a picture may be early. A picture on time must not
	// miss its slot by a rounded time stamp.
	earlyTolerance = 0.25
	// clockGain is the fraction of the lag between stream time and the sampler's clock that each picture makes up for.
	clockGain = 1. / 16
)

// sampler selects pictures by time, so that the mean rate of the selected ones is the wanted rate. A picture is due
// every 1/want seconds, and the first one after that is taken; if the rates divide, that is every n-th picture. The
// remainder is carried over, so there is no drift.
//
// Time stamps have jitter, and some sources stamp several pictures at once and then none for a while. So the sampler
// has a clock of its own, which advances by the source's usual step with each picture, a quarter more or less to follow
// the stamps. A burst of equal stamps then does not take two pictures where one was due, and the pause after it skips
// none.
type sampler struct {
	wanted  float64 // pictures a second; 0 for all
	started bool    // a picture was kept since the restart
	// sinceKept is the elapsed fraction of the interval to the next due picture; below 0 after an early one.
	sinceKept float64
	lag       float64 // seconds by which stream time is ahead of the sampler's clock
}

// restart takes the next picture, and counts from there.
func (s *sampler) restart() { s.started, s.sinceKept, s.lag = false, 0, 0 }

// skips reports whether pictures of a source with that rate are skipped.
func (s *sampler) skips(rate float64) bool {
	n, _ := s.ratio(rate)
	return n > 1
}

// ratio returns how many of the source's pictures there are for each wanted one, at least 1, and whether every n-th is
// taken.
func (s *sampler) ratio(rate float64) (n float64, even bool) {
	if s.wanted <= 0 || rate <= 0 {
		return 1, true
	}
	n = rate / s.wanted
	if whole := max(math.Round(n), 1); n < whole*(1+divisorTolerance) && (whole == 1 ||
		n > whole*(1-divisorTolerance)) {
		return whole, true
	}
	return n, false
}

// keep reports whether to keep the next picture, which is step after the one before. rate is the source's; 0 if
// unknown.
func (s *sampler) keep(step time.Duration, rate float64) bool {
	n, even := s.ratio(rate)
	switch {
	case !s.started || n == 1:
		s.started, s.sinceKept, s.lag = true, 0, 0
		return true
	case even:
		s.sinceKept += 1 / n
		s.lag = 0
	default:
		s.sinceKept += s.wanted * s.advance(step.Seconds(), 1/rate)
	}
	if s.sinceKept < 1-earlyTolerance/n {
		return false
	}
	// At most one missed picture is made up for, as when the source has become slower.
	s.sinceKept = min(s.sinceKept-1, 1)
	return true
}

// advance returns how far the sampler's clock advances for a picture that is step after the one before, given the usual
// step.
func (s *sampler) advance(step, usual float64) float64 {
	s.lag += step - usual
	catchUp := max(-usual/4, min(s.lag*clockGain, usual/4))
	s.lag -= catchUp
	return usual + catchUp
}
