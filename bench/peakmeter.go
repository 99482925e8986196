package bench

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vigil/model/kernel"
)

const (
	// sampleTime is how long a look at the peak takes: long against waking threads, short against the work beside it.
	sampleTime = 15 * time.Millisecond
	// piecesPerThread is how many pieces each thread's share is cut into. Threads take them in turns, as they take work from a
	// Pool, so one that the machine lends to somebody else for a while does not hold up the others.
	piecesPerThread = 64
)

// PeakMeter measures the most that all threads can do at the same time with the machine's widest products, whichever
// path is being measured.
type PeakMeter struct {
	set     *kernel.Set
	threads int
	rounds  int // of a piece
	samples []float64
}

// NewPeakMeter finds out how much work fills a sample; 0 or fewer threads mean GOMAXPROCS.
func NewPeakMeter(threads int) *PeakMeter {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	all := kernel.Sets()
	y := &PeakMeter{set: all[len(all)-1], threads: threads, rounds: 1000}
	for {
		began := time.Now()
		y.set.Peak(y.rounds)
		if took := time.Since(began); took > sampleTime/piecesPerThread || y.rounds >= 1<<24 {
			return y
		}
		y.rounds *= 2
	}
}

// Threads is how many work at the same time.
func (y *PeakMeter) Threads() int { return y.threads }

// ISA is the instruction set that reaches the peak.
func (y *PeakMeter) ISA() string { return y.set.Name }

// Sample measures the peak now, in GFLOP/s of all threads together, and keeps it.
func (y *PeakMeter) Sample() float64 {
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range y.threads {
		all.Go(func() {
			for next.Add(1) <= int64(piecesPerThread*y.threads) {
				y.set.Peak(y.rounds)
			}
		})
	}
	all.Wait()
	work := float64(piecesPerThread) * float64(y.threads) * float64(y.rounds) * float64(y.set.PeakFLOPs)
	peak := work / 1e9 / max(time.Since(began), 1).Seconds()
	y.samples = append(y.samples, peak)
	return peak
}

const (
	// streamBytes is the size of each of the two halves that a copy streams: more than a last-level cache.
	streamBytes = 128 << 20
	streams     = 5
)

// Bandwidth is how many GB/s all threads read and write at the same time when they copy from memory to memory, the
// best of a few times.
func Bandwidth(threads int) float64 {
	from, to := make([]byte, streamBytes), make([]byte, streamBytes)
	for i := 0; i < len(from); i += 4096 {
		from[i] = byte(i >> 12)
	}
	best := 0.0
	const piece = 4 << 20
	for range streams {
		var next atomic.Int64
		var all sync.WaitGroup
		began := time.Now()
		for range threads {
			all.Go(func() {
				for {
					at := int(next.Add(1)-1) * piece
					if at >= streamBytes {
						return
					}
					copy(to[at:at+piece], from[at:at+piece])
				}
			})
		}
		all.Wait()
		best = max(best, 2*streamBytes/1e9/max(time.Since(began), 1).Seconds())
	}
	return best
}
