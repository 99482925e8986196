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
	pool   *kernel.Pool
	wide   *Scorer
	narrow []*Scorer // one for each thread, made when they are first wanted
	tried  int
	// took are the seconds for a full batch, on all threads and on one each, of late.
	took   [2]float64
	scores []Score
	errs   []error
	maps   [][]float32
}

const (
	// first is how many full batches are scored in either way by turns. The first of each touches its buffers for the
	// first time.
	first = 6
	// retry is after how many full batches the slower way is tried again: a machine's other work comes and goes.
	retry = 64
	// lately is how much of what is known of a way's time comes from its last run.
	lately = 0.2
)

// NewBatch makes a Batch that works with so many threads; 0 or less means GOMAXPROCS. Close must be called.
func (m *Model) NewBatch(threads int) *Batch {
	b := &Batch{wide: m.NewScorer(threads), pool: kernel.NewPool(m.Together(threads))}
	b.scores, b.errs, b.maps = make([]Score, b.Threads()), make([]error, b.Threads()), make([][]float32, b.Threads())
	return b
}

// Together is how many clips a Batch of so many threads scores at a time: as many, or 1 where the network is large. 0
// or less means GOMAXPROCS.
func (m *Model) Together(threads int) int {
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

// Threads is the number of clips that may be worth scoring together: 1 for a large network.
func (b *Batch) Threads() int { return b.pool.Threads() }

// Close ends the goroutines and waits for them.
func (b *Batch) Close() {
	b.wide.Close()
	for _, s := range b.narrow {
		s.Close()
	}
	b.pool.Close()
}

// Score scores clips as Scorer.Score does, at most Threads of them, ignore[i] with clips[i]. What it returns is valid
// until the next call, and the same to the last bit in whatever way it is made.
func (b *Batch) Score(clips [][]float32, ignore [][]bool) ([]Score, []error) {
	n := len(clips)
	if n > b.Threads() || len(ignore) != n {
		err := fmt.Errorf("%d clips with %d masks at once: expected as many of each, at most %d", n, len(ignore),
			b.Threads())
		return make([]Score, n), slices.Repeat([]error{err}, n)
	}
	scores, errs := b.scores[:n], b.errs[:n]
	began, way := time.Now(), b.way(n)
	if way == 0 {
		for i := range clips {
			scores[i], errs[i] = b.wide.Score(clips[i], ignore[i])
			// The map is the Scorer's, which goes on to the next clip.
			b.maps[i] = append(b.maps[i][:0], scores[i].Map...)
			scores[i].Map = b.maps[i]
		}
	} else {
		for len(b.narrow) < b.Threads() {
			b.narrow = append(b.narrow, b.wide.model.NewScorer(1))
		}
		b.pool.Each(n, func(i int) { scores[i], errs[i] = b.narrow[i].Score(clips[i], ignore[i]) })
	}
	if n == b.Threads() {
		b.note(way, time.Since(began))
	}
	return scores, errs
}

// way is 0 for all threads and 1 for a thread each.
func (b *Batch) way(n int) int {
	if n < b.Threads() || n == 1 {
		return 0
	}
	if b.tried < first {
		return b.tried % 2
	}
	better := 0
	if b.took[1] < b.took[0] {
		better = 1
	}
	if b.tried%retry == 0 {
		return 1 - better
	}
	return better
}

// note keeps how long a way took.
func (b *Batch) note(way int, took time.Duration) {
	seconds := took.Seconds()
	if b.tried < first {
		b.took[way] = seconds
	} else {
		b.took[way] += lately * (seconds - b.took[way])
	}
	b.tried++
}
