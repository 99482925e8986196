package model

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"vigil/model/kernel"
)

// batchBytes is the most memory that a Batch may hold for each thread. A network with larger maps keeps all threads
// busy with one clip, so scoring several at once gains nothing.
const batchBytes = 64 << 20

// Batch scores several waiting clips: either one after the other, each on all threads, or each on a thread of its own.
// The second strategy is slightly faster for small networks, since threads need not wait for each other after every
// layer. A Batch times both strategies and uses the faster one. It must not be used by two goroutines at once.
type Batch struct {
	pool      *kernel.Pool
	parallel  *Scorer
	perThread []*Scorer // one per thread, created on first use
	timed     int
	// batchSeconds are the moving averages of the seconds for a full batch: on all threads, and on one thread per clip.
	batchSeconds [2]float64
	scores       []Score
	errs         []error
	maps         [][]float32
	// noBackgrounds are those of clips on the weights' own.
	noBackgrounds [][]float32
}

const (
	// warmupBatches is how many full batches are scored with the strategies in turn. The first batch of each strategy
	// touches its buffers for the first time.
	warmupBatches = 6
	// retryInterval is after how many full batches the slower strategy is timed again, since the load of the machine
	// changes.
	retryInterval = 64
	// ewmaAlpha is the weight of the last run in the moving average of a strategy's time.
	ewmaAlpha = 0.2
)

// NewBatch makes a Batch that uses the given number of threads; 0 or less means GOMAXPROCS. Close must be called.
func (m *Model) NewBatch(threads int) *Batch {
	b := &Batch{parallel: m.NewScorer(threads), pool: kernel.NewPool(m.MaxBatch(threads))}
	b.scores, b.errs, b.maps = make([]Score, b.MaxBatch()), make([]error, b.MaxBatch()), make([][]float32, b.MaxBatch())
	b.noBackgrounds = make([][]float32, b.MaxBatch())
	return b
}

// MaxBatch is how many clips a Batch with the given number of threads scores at a time: one per thread, or 1 for a
// large network. 0 or fewer threads means GOMAXPROCS.
func (m *Model) MaxBatch(threads int) int {
	switch {
	case m.scorerBytes() > batchBytes:
		return 1
	case threads <= 0:
		return runtime.GOMAXPROCS(0)
	}
	return threads
}

// scorerBytes is roughly how many bytes a Scorer allocates.
func (m *Model) scorerBytes() int {
	sizes := m.mapSizes()
	return 4 * (sizes[0] + sizes[1] + Frames*m.spec.Side*m.spec.Side)
}

// MaxBatch is how many clips Score accepts at a time: 1 for a large network.
func (b *Batch) MaxBatch() int { return b.pool.Threads() }

// Close ends the goroutines and waits for them.
func (b *Batch) Close() {
	b.parallel.Close()
	for _, s := range b.perThread {
		s.Close()
	}
	b.pool.Close()
}

// Score scores at most MaxBatch clips as Scorer.Score does; ignore[i] belongs to clips[i]. The results are valid until
// the next call, and equal to the last bit for either strategy.
func (b *Batch) Score(clips [][]float32, ignore [][]bool) ([]Score, []error) {
	return b.ScoreOn(clips, ignore, nil)
}

// ScoreOn is Score for cameras with backgrounds of their own, as Scorer.ScoreOn takes them; nil if none has one.
func (b *Batch) ScoreOn(clips [][]float32, ignore [][]bool, backgrounds [][]float32) ([]Score, []error) {
	n := len(clips)
	if backgrounds == nil {
		backgrounds = b.noBackgrounds[:min(n, b.MaxBatch())]
	}
	if n > b.MaxBatch() || len(ignore) != n || len(backgrounds) != n {
		err := fmt.Errorf("%d clips with %d masks and %d backgrounds at once: expected as many of each, at most %d", n,
			len(ignore), len(backgrounds), b.MaxBatch())
		return make([]Score, n), slices.Repeat([]error{err}, n)
	}
	scores, errs := b.scores[:n], b.errs[:n]
	began, strategy := time.Now(), b.strategy(n)
	if strategy == 0 {
		for i := range clips {
			scores[i], errs[i] = b.parallel.ScoreOn(clips[i], ignore[i], backgrounds[i])
			// The Scorer reuses its map for the next clip.
			b.maps[i] = append(b.maps[i][:0], scores[i].Map...)
			scores[i].Map = b.maps[i]
		}
	} else {
		for len(b.perThread) < b.MaxBatch() {
			b.perThread = append(b.perThread, b.parallel.model.NewScorer(1))
		}
		b.pool.Each(n, func(i int) {
			scores[i], errs[i] = b.perThread[i].ScoreOn(clips[i], ignore[i], backgrounds[i])
		})
	}
	if n == b.MaxBatch() {
		b.recordTime(strategy, time.Since(began))
	}
	return scores, errs
}

// strategy returns 0 to score each clip on all threads, 1 to score each on a thread of its own.
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

// recordTime updates the moving average of a strategy's time.
func (b *Batch) recordTime(strategy int, took time.Duration) {
	seconds := took.Seconds()
	if b.timed < warmupBatches {
		b.batchSeconds[strategy] = seconds
	} else {
		b.batchSeconds[strategy] += ewmaAlpha * (seconds - b.batchSeconds[strategy])
	}
	b.timed++
}
