package model

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"vigil/model/kernel"
)

// batchBytes is the most that a Batch may hold for each thread. A network with larger maps fills all threads with one
// clip as well as with several, so nothing is lost.
const batchBytes = 64 << 20

// Batch scores clips that wait at the same time: one after the other, each on all threads, or each on a thread of its
// own. Small networks are faster in the second way, by a little, as the threads need not wait for each other after
// every layer. It tries both and keeps to the one that takes less time for a clip. It must not be used by two
// goroutines at once.
type Batch struct {
	pool      *kernel.Pool
	parallel  *Scorer
	perThread []*Scorer // one for each thread, made when they are first wanted
	timed     int
	// batchSeconds are the seconds for a full batch, on all threads and on one each, of late.
	batchSeconds [2]float64
	scores       []Score
	errs         []error
	maps         [][]float32
}

const (
	// warmupBatches is how many full batches are scored in either way by turns. The first of each touches its buffers for the
	// first time.
	warmupBatches = 6
	// retryInterval is after how many full batches the slower way is tried again: a machine's other work comes and goes.
	retryInterval = 64
	// ewmaAlpha is how much of what is known of a way's time comes from its last run.
	ewmaAlpha = 0.2
)

// NewBatch makes a Batch that works with so many threads; 0 or less means GOMAXPROCS. Close must be called.
func (m *Model) NewBatch(threads int) *Batch {
	b := &Batch{parallel: m.NewScorer(threads), pool: kernel.NewPool(m.MaxBatch(threads))}
	b.scores, b.errs, b.maps = make([]Score, b.MaxBatch()), make([]error, b.MaxBatch()), make([][]float32, b.MaxBatch())
	return b
}

// MaxBatch is how many clips a Batch of so many threads scores at a time: as many, or 1 where the network is large. 0
// or less means GOMAXPROCS.
func (m *Model) MaxBatch(threads int) int {
	switch {
	case m.scorerBytes() > batchBytes:
		return 1
	case threads <= 0:
		return runtime.GOMAXPROCS(0)
	}
	return threads
}

// scorerBytes is about what a Scorer holds.
func (m *Model) scorerBytes() int {
	sizes := m.mapSizes()
	return 4 * (sizes[0] + sizes[1] + Frames*m.spec.Side*m.spec.Side)
}

// MaxBatch is the number of clips that may be worth scoring together: 1 for a large network.
func (b *Batch) MaxBatch() int { return b.pool.Threads() }

// Close ends the goroutines and waits for them.
func (b *Batch) Close() {
	b.parallel.Close()
	for _, s := range b.perThread {
		s.Close()
	}
	b.pool.Close()
}

// Score scores clips as Scorer.Score does, at most Threads of them, ignore[i] with clips[i]. What it returns is valid
// until the next call, and the same to the last bit in whatever way it is made.
func (b *Batch) Score(clips [][]float32, ignore [][]bool) ([]Score, []error) {
	n := len(clips)
	if n > b.MaxBatch() || len(ignore) != n {
		err := fmt.Errorf("%d clips with %d masks at once: expected as many of each, at most %d", n, len(ignore),
			b.MaxBatch())
		return make([]Score, n), slices.Repeat([]error{err}, n)
	}
	scores, errs := b.scores[:n], b.errs[:n]
	began, way := time.Now(), b.strategy(n)
	if way == 0 {
		for i := range clips {
			scores[i], errs[i] = b.parallel.Score(clips[i], ignore[i])
			// The map is the Scorer's, which goes on to the next clip.
			b.maps[i] = append(b.maps[i][:0], scores[i].Map...)
			scores[i].Map = b.maps[i]
		}
	} else {
		for len(b.perThread) < b.MaxBatch() {
			b.perThread = append(b.perThread, b.parallel.model.NewScorer(1))
		}
		b.pool.Each(n, func(i int) { scores[i], errs[i] = b.perThread[i].Score(clips[i], ignore[i]) })
	}
	if n == b.MaxBatch() {
		b.recordTime(way, time.Since(began))
	}
	return scores, errs
}

// strategy is 0 for all threads and 1 for a thread each.
func (b *Batch) strategy(n int) int {
	if n < b.MaxBatch() || n == 1 {
		return 0
	}
	if b.timed < warmupBatches {
		return b.timed % 2
	}
	better := 0
	if b.batchSeconds[1] < b.batchSeconds[0] {
		better = 1
	}
	if b.timed%retryInterval == 0 {
		return 1 - better
	}
	return better
}

// recordTime keeps how long a way took.
func (b *Batch) recordTime(way int, took time.Duration) {
	seconds := took.Seconds()
	if b.timed < warmupBatches {
		b.batchSeconds[way] = seconds
	} else {
		b.batchSeconds[way] += ewmaAlpha * (seconds - b.batchSeconds[way])
	}
	b.timed++
}
