package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of goroutines that share out the items of a step by atomic counters. The caller's goroutine
// is one of them. A Pool runs one step at a time and belongs to one goroutine.
//
// Each goroutine begins with a share of its own and then helps the others. Items lie in the order of the maps that
// they read and write, so most of what a goroutine reads is what it wrote in the step before, and in its own core's
// cache.
//
// A clip is some dozens of short steps, and to wake a sleeping thread takes as long as a short step. So who waits
// looks again and again for a moment, and sleeps only then.
type Pool struct {
	workers []*worker    // workers[0] is the caller
	steps   atomic.Int64 // how many were begun
	step    step
	busy    atomic.Int64 // workers that are not done with the step
	done    chan struct{}
	asleep  atomic.Bool // the caller waits for done
	spins   int
	ended   sync.WaitGroup

	// The running step's arguments live here, so that a run allocates nothing.
	conv       convStep
	oneChannel oneChannelStep
	read       readStep
	error      residualStep
	weights    gradStep
	// products are those of a FusedTail, kept from run to run.
	products []float32
}

// step is what a Pool runs: do is called once for each item, by any worker, in any order.
type step interface {
	do(w *worker, item int)
}

// worker is what a goroutine needs for itself.
type worker struct {
	next atomic.Int64 // item of its share of the step
	end  int64
	_    [48]byte // the counters of two workers lie in two lines of the cache

	index       int
	wake        chan struct{}
	asleep      atomic.Bool // waits for wake
	tile        Tile
	pixels, out []int32 // grown on demand and kept, as are the rest
	rows        []float32
	scaled      []float32
	taps        []Tap
	planes      []float32       // of two rows of a narrow convolution
	scratch     []float32       // of a FusedTail: what its first convolution leaves for an item
	cleared     *oneChannelConv // whose they are
}

// NewPool starts threads-1 goroutines; 0 or less means GOMAXPROCS threads. Close ends them.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if threads <= runtime.GOMAXPROCS(0) {
		return newPool(threads, defaultSpins)
	}
	return newPool(threads, 0)
}

// newPool makes a Pool of which who waits looks so often before it sleeps.
func newPool(threads, spins int) *Pool {
	p := &Pool{done: make(chan struct{}, 1), spins: spins}
	for i := range threads {
		w := &worker{index: i, wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		if i > 0 {
			p.ended.Go(func() { p.serve(w) })
		}
	}
	return p
}

// defaultSpins is some hundreds of microseconds: more than what one goroutine does alone between two clips, and nothing
// beside a camera's pause between them.
const defaultSpins = 1 << 18

// Threads is the number of goroutines that share a step, the caller's among them.
func (p *Pool) Threads() int { return len(p.workers) }

// Close ends the goroutines and waits for them. The Pool must not be used afterwards; a second Close does nothing.
func (p *Pool) Close() {
	for _, w := range p.workers[min(1, len(p.workers)):] {
		close(w.wake)
	}
	p.workers = p.workers[:min(1, len(p.workers))]
	p.ended.Wait()
}

func (p *Pool) serve(w *worker) {
	for seen := int64(0); p.wait(w, seen); {
		seen++
		p.drain(w)
		if p.busy.Add(-1) == 0 && p.asleep.CompareAndSwap(true, false) {
			p.done <- struct{}{}
		}
	}
}

// wait returns when more than seen steps were begun, or false when the Pool is closed. The caller wakes one worker
// after the other, so a wake may come when the worker has done that step already, and sleeps again: it is no new step.
func (p *Pool) wait(w *worker, seen int64) bool {
	for {
		for range 1 + p.spins {
			if p.steps.Load() > seen {
				return true
			}
		}
		w.asleep.Store(true)
		if p.steps.Load() > seen && w.asleep.CompareAndSwap(true, false) {
			return true
		}
		if _, open := <-w.wake; !open {
			return false
		}
	}
}

func (p *Pool) drain(w *worker) {
	n := len(p.workers)
	for i := range n {
		from := p.workers[(w.index+i)%n]
		for item := from.next.Add(1) - 1; item < from.end; item = from.next.Add(1) - 1 {
			p.step.do(w, int(item))
		}
	}
}

// Each calls do for the items 0 to n-1, shared among the threads, in any order.
func (p *Pool) Each(n int, do func(item int)) { p.run(n, each(do)) }

type each func(item int)

func (do each) do(_ *worker, item int) { do(item) }

// run does the items of s and returns when all are done.
func (p *Pool) run(items int, s step) {
	p.step = s
	for i, w := range p.workers {
		w.next.Store(int64(i * items / len(p.workers)))
		w.end = int64((i + 1) * items / len(p.workers))
	}
	others := p.workers[1:]
	p.busy.Store(int64(len(others)))
	p.steps.Add(1)
	for _, w := range others {
		if w.asleep.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
	p.drain(p.workers[0])
	p.finish()
	p.step = nil
}

// finish waits for the others. A worker that is late with the step before may wake the caller too early, so it looks
// again.
func (p *Pool) finish() {
	for {
		for range 1 + p.spins {
			if p.busy.Load() == 0 {
				return
			}
		}
		p.asleep.Store(true)
		if p.busy.Load() == 0 && p.asleep.CompareAndSwap(true, false) {
			return
		}
		<-p.done
	}
}
