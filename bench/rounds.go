package bench

import (
	"context"
	"time"
)

const (
	// roundTime is how long a round lasts at least: short clips are scored again and again.
	roundTime = 100 * time.Millisecond
	// fewest rounds are taken of everything; more are not once a measurement has taken patience.
	fewest   = 3
	patience = 20 * time.Second
)

// sampler collects the rounds of one measurement.
type sampler struct {
	work    float64 // GFLOP a clip
	clips   int     // of one call
	do      func() error
	laps    []time.Duration // that do adds the time of each part of a clip to; may be empty
	seconds []float64       // a clip, by round
	parts   [][]float64     // likewise for each of the laps
	beside  []float64       // shares of the peak
	spent   time.Duration
}

// full says whether enough rounds have been taken.
func (s *sampler) full(rounds int) bool {
	return len(s.seconds) >= rounds || len(s.seconds) >= fewest && s.spent > patience
}

// round runs the work between two looks at the peak, of which the first may have been taken already. It returns the
// second.
func (s *sampler) round(y *Yardstick, before float64) (after float64, err error) {
	calls := 0
	clear(s.laps)
	began := time.Now()
	for calls == 0 || time.Since(began) < roundTime {
		if err := s.do(); err != nil {
			return 0, err
		}
		calls++
	}
	took := time.Since(began)
	after = y.Sample()
	s.spent += took
	clips := float64(calls * s.clips)
	if s.parts == nil {
		s.parts = make([][]float64, len(s.laps))
	}
	for i, lap := range s.laps {
		s.parts[i] = append(s.parts[i], lap.Seconds()/clips)
	}
	each := max(took, 1).Seconds() / clips
	s.seconds = append(s.seconds, each)
	s.beside = append(s.beside, s.work/each/((before+after)/2))
	return after, nil
}

// rounds takes as many as are wanted, or as patience allows.
func (s *sampler) rounds(ctx context.Context, y *Yardstick, n int) error {
	// The first call touches memory for the first time, and wakes the threads.
	if err := s.do(); err != nil {
		return err
	}
	peak := y.Sample()
	for !s.full(n) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if peak, err = s.round(y, peak); err != nil {
			return err
		}
	}
	return nil
}

// measure is what the rounds say; the share is filled in when the run's peak is known.
func (s *sampler) measure() Measure {
	m := Measure{
		Seconds: Quantile(s.seconds, 0.5), Low: Quantile(s.seconds, 0.25), High: Quantile(s.seconds, 0.75),
		Best:   Quantile(s.seconds, 0),
		Beside: Quantile(s.beside, 0.5), Rounds: len(s.seconds),
	}
	m.GFLOPS = s.work / m.Seconds
	return m
}
