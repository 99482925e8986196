package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"vigil/bench"
	"vigil/model"
	"vigil/model/kernel"
	"vigil/model/train"
)

// The tasks.
const (
	forward = "forward"
	step    = "step"
)

// contender runs a task the given number of times and returns the total seconds.
type contender interface {
	run(task string, times int) (float64, error)
}

// Contest is the result of all contenders on one preset.
type Contest struct {
	Preset       string   `json:"preset"`
	Score        float64  `json:"score"` // the clip's error as vigil computes it
	Series       []Series `json:"series"`
	Absent       []Absent `json:"absent,omitempty"`
	ForwardGFLOP float64  `json:"forward_gflop"`
	StepGFLOP    float64  `json:"step_gflop"`
}

// Series is a contender's times in the rounds of one task.
type Series struct {
	Name       string    `json:"name"`
	Version    string    `json:"version"`
	Task       string    `json:"task"`
	Score      float64   `json:"score,omitempty"`
	Seconds    []float64 `json:"seconds"` // per clip
	NearbyPeak []float64 `json:"beside"`  // the machine's peak around it, in GFLOP/s

	contender contender
	times     int
}

// Absent is a contender that did not take part.
type Absent struct {
	Name   string `json:"name"`
	Reason string `json:"why"`
}

const (
	// roundTime is the least duration of a round, in seconds.
	roundTime = 0.3
	// settleTime lets a contender's spinning threads go to sleep.
	settleTime = 300 * time.Millisecond
	// scoreTolerance is the largest relative difference between two errors of the same clip.
	scoreTolerance = 1e-4
)

// contest runs the tasks of all contenders in turns.
func contest(ctx context.Context, t *tools, in *inputs, rounds int, yard *bench.PeakMeter, log io.Writer) (c *Contest,
	err error,
) {
	us, err := newSelf(in)
	if err != nil {
		return nil, err
	}
	defer us.close()
	c = &Contest{Preset: in.spec.Preset, Score: us.score, ForwardGFLOP: us.flops / 1e9, StepGFLOP: us.stepFLOPs / 1e9}
	for _, task := range []string{forward, step} {
		c.Series = append(c.Series, Series{Name: "vigil", Version: kernel.BestSet().Name, Task: task, contender: us})
	}
	for title, why := range t.absent {
		c.Absent = append(c.Absent, Absent{title, why})
	}
	slices.SortFunc(c.Absent, func(a, b Absent) int { return strings.Compare(a.Name, b.Name) })
	for _, command := range t.commands(in) {
		fmt.Fprintf(log, "bench: %s: starting %s\n", in.spec.Preset, command.title)
		p, err := startPeer(ctx, command.title, command.command)
		if err == nil {
			defer func() { _ = p.close() }()
			err = checkScore(p.hello.Score, us.score)
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			c.Absent = append(c.Absent, Absent{command.title, err.Error()})
			continue
		}
		if p.hello.Note != "" {
			fmt.Fprintf(log, "bench: %s: %s\n", command.title, p.hello.Note)
		}
		for _, task := range p.hello.Tasks {
			c.Series = append(c.Series, Series{
				Name: command.title, Version: p.hello.Version, Task: task,
				Score: p.hello.Score, contender: p,
			})
		}
	}
	return c, c.rounds(ctx, rounds, yard, log)
}

func checkScore(theirs, ours float64) error {
	if theirs != 0 && math.Abs(theirs-ours) > scoreTolerance*math.Abs(ours) {
		return fmt.Errorf("its result differs: the clip's error is %v, vigil's %v", theirs, ours)
	}
	return nil
}

// rounds fills the series. The order of the contenders rotates from round to round.
func (c *Contest) rounds(ctx context.Context, rounds int, yard *bench.PeakMeter, log io.Writer) error {
	for i := range c.Series {
		s := &c.Series[i]
		took, err := s.contender.run(s.Task, 1)
		if err != nil {
			return err
		}
		// The first run is the slowest, so the estimate is rather too long than too short.
		if took < roundTime {
			if took, err = s.contender.run(s.Task, 1); err != nil {
				return err
			}
		}
		s.times = max(1, int(math.Ceil(roundTime/took)))
	}
	for round := range rounds {
		fmt.Fprintf(log, "bench: %s: round %d of %d\n", c.Preset, round+1, rounds)
		for i := range c.Series {
			s := &c.Series[(i+round)%len(c.Series)]
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(settleTime):
			}
			before := yard.Sample()
			took, err := s.contender.run(s.Task, s.times)
			if err != nil {
				return errors.Join(ctx.Err(), err)
			}
			s.Seconds = append(s.Seconds, took/float64(s.times))
			time.Sleep(settleTime)
			s.NearbyPeak = append(s.NearbyPeak, (before+yard.Sample())/2)
		}
	}
	return nil
}

// self is vigil.
type self struct {
	scorer           *model.Scorer
	stepper          *train.Stepper
	clip             []float32
	score            float64
	flops, stepFLOPs float64 // FLOP
}

func newSelf(in *inputs) (*self, error) {
	m, err := model.NewWithSet(in.weights, kernel.BestSet())
	if err != nil {
		return nil, err
	}
	o := &self{scorer: m.NewScorer(in.threads), clip: in.clip, flops: m.FLOPs(), stepFLOPs: train.StepFLOPs(m.Stages())}
	score, err := o.scorer.Score(in.clip, nil)
	if err == nil {
		o.score = score.Error
		o.stepper, err = train.NewStepper(in.weights, kernel.BestSet(), 1, in.threads)
	}
	if err != nil {
		o.scorer.Close()
		return nil, err
	}
	copy(o.stepper.Clips(), in.clip)
	return o, nil
}

func (o *self) close() {
	o.scorer.Close()
	o.stepper.Close()
}

func (o *self) run(task string, times int) (float64, error) {
	began := time.Now()
	for range times {
		var err error
		if task == forward {
			_, err = o.scorer.Score(o.clip, nil)
		} else {
			err = o.stepper.Step()
		}
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began).Seconds(), nil
}
