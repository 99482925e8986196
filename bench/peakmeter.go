package bench

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"vigil/model/kernel"
)

const (
	// sampleTime is the duration of a sample of the peak: long compared with waking threads, short compared with the
	// work.
	sampleTime = 15 * time.Millisecond
	// piecesPerThread is the number of pieces of each thread's share. Threads take pieces from a common queue, as from
	// a Pool, so a thread that is descheduled does not delay the others.
	piecesPerThread = 64
)

// PeakMeter measures the peak of all threads together, with the machine's widest instruction set, whichever set is
// benchmarked.
type PeakMeter struct {
	set     *kernel.Set
	threads int
	rounds  int // per piece
	samples []float64
}

// NewPeakMeter calibrates the amount of work of a sample; 0 or fewer threads mean GOMAXPROCS.
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

// Threads is the number of threads.
func (y *PeakMeter) Threads() int { return y.threads }

// ISA is the instruction set that reaches the peak.
func (y *PeakMeter) ISA() string { return y.set.Name }

// Sample measures the peak, in GFLOP/s of all threads together, and records it.
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
	flops := float64(piecesPerThread) * float64(y.threads) * float64(y.rounds) * float64(y.set.PeakFLOPs)
	peak := flops / 1e9 / max(time.Since(began), 1).Seconds()
	y.samples = append(y.samples, peak)
	return peak
}

const (
	// streamBytes is the size of the source and of the destination of a copy: larger than a last-level cache.
	streamBytes = 128 << 20
	streams     = 5
)

// Bandwidth is how many GB/s all threads together read and write when they copy memory: the best of several runs.
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
