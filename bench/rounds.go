package bench

import (
	"context"
	"time"
)

const (
	// roundTime is the least duration of a round: short clips are scored repeatedly.
	roundTime = 100 * time.Millisecond
	// minRounds rounds of everything are measured; more only until a measurement has taken maxSamplingTime.
	minRounds       = 3
	maxSamplingTime = 20 * time.Second
)

// sampler collects the rounds of one measurement.
type sampler struct {
	gflop        float64 // GFLOP a clip
	clips        int     // of one call
	do           func() error
	stageTimes   []time.Duration // that do adds the time of each part of a clip to; may be empty
	seconds      []float64       // per clip, by round
	stageSeconds [][]float64     // likewise for each of the parts
	nearbyShares []float64       // shares of the peak
	elapsed      time.Duration
}

// enough reports whether enough rounds were measured.
func (s *sampler) enough(rounds int) bool {
	return len(s.seconds) >= rounds || len(s.seconds) >= minRounds && s.elapsed > maxSamplingTime
}

// round runs the work between two samples of the peak. before is the first sample; the second is returned.
func (s *sampler) round(y *PeakMeter, before float64) (after float64, err error) {
	calls := 0
	clear(s.stageTimes)
	began := time.Now()
	for calls == 0 || time.Since(began) < roundTime {
		if err := s.do(); err != nil {
			return 0, err
		}
		calls++
	}
	took := time.Since(began)
	after = y.Sample()
	s.elapsed += took
	clips := float64(calls * s.clips)
	if s.stageSeconds == nil {
		s.stageSeconds = make([][]float64, len(s.stageTimes))
	}
	for i, part := range s.stageTimes {
		s.stageSeconds[i] = append(s.stageSeconds[i], part.Seconds()/clips)
	}
	each := max(took, 1).Seconds() / clips
	s.seconds = append(s.seconds, each)
	s.nearbyShares = append(s.nearbyShares, s.gflop/each/((before+after)/2))
	return after, nil
}

// rounds measures n rounds, or fewer if they take longer than maxSamplingTime.
func (s *sampler) rounds(ctx context.Context, y *PeakMeter, n int) error {
	// The first call touches the buffers for the first time and wakes the threads.
	if err := s.do(); err != nil {
		return err
	}
	peak := y.Sample()
	for !s.enough(n) {
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

// measure summarises the rounds; the share is computed when the run's peak is known.
func (s *sampler) measure() Measure {
	m := Measure{
		Seconds: Quantile(s.seconds, 0.5), Low: Quantile(s.seconds, 0.25), High: Quantile(s.seconds, 0.75),
		Best:              Quantile(s.seconds, 0),
		ShareOfNearbyPeak: Quantile(s.nearbyShares, 0.5), Rounds: len(s.seconds),
	}
	m.GFLOPS = s.gflop / m.Seconds
	return m
}
