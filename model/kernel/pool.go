package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of goroutines that share the items of a step through atomic counters. The caller's goroutine is
// one of them. A Pool runs one step at a time and belongs to one goroutine.
//
// Each goroutine starts with its own share of the items and then helps the others. Items are ordered like the maps that
// they read and write, so a goroutine mostly reads what it wrote in the previous step, from its own core's cache.
//
// A clip is a few dozen short steps, and waking a thread takes as long as a short step. Waiters therefore spin briefly
// before they block.
type Pool struct {
	workers []*worker    // workers[0] is the caller
	steps   atomic.Int64 // number of steps started
	step    step
	busy    atomic.Int64 // workers that have not finished the step
	done    chan struct{}
	asleep  atomic.Bool // the caller waits for done
	spins   int
	ended   sync.WaitGroup

	// The running step's arguments are stored here, so that a run does not allocate.
	conv       convStep
	oneChannel oneChannelStep
	read       readStep
	error      residualStep
	weights    gradStep
	// products of a FusedTail, reused between runs.
	products []float32
}

// step is the work of a Pool: do is called once for each item, by any worker, in any order.
type step interface {
	do(w *worker, item int)
}

// worker is the state of one goroutine.
type worker struct {
	next atomic.Int64 // next item of its share of the step
	end  int64
	_    [48]byte // keeps the counters of two workers in different cache lines

	index       int
	wake        chan struct{}
	asleep      atomic.Bool // waits for wake
	tile        Tile
	pixels, out []int32 // grown on demand and reused, like the following fields
	rows        []float32
	scaled      []float32
	taps        []Tap
	planes      []float32       // of two rows of a oneChannelConv
	scratch     []float32       // of a FusedTail: the first convolution's result for an item
	cleared     *oneChannelConv // the owner of planes, whose padding is cleared
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

// newPool makes a Pool whose waiters check so often before they block.
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

// defaultSpins takes a few hundred microseconds: longer than the work of a single goroutine between two clips, and
// short compared with a camera's interval between clips.
const defaultSpins = 1 << 18

// Threads is the number of goroutines that share a step, including the caller's.
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

// wait returns true when more than seen steps have been started, or false when the Pool is closed. The caller wakes the
// workers one after the other, so a wake may arrive after the worker has done that step; the worker then blocks again.
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

// Each calls do for the items 0 to n-1, on all threads, in any order.
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

// finish waits for the other workers. A worker that is late with the previous step may wake the caller too early, so
// the counter is checked again.
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
