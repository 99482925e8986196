package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a fixed set of goroutines that share out the items of a step by an atomic counter. The caller's goroutine
// is one of them. A Pool runs one step at a time and belongs to one goroutine.
type Pool struct {
	workers []*worker // workers[0] is the caller
	next    atomic.Int64
	items   int64
	step    step
	busy    sync.WaitGroup
	ended   sync.WaitGroup

	// The running step's arguments live here, so that a run allocates nothing.
	conv    convStep
	narrow  narrowStep
	read    readStep
	error   residualStep
	weights gradStep
}

// step is what a Pool runs: do is called once for each item, by any worker, in any order.
type step interface {
	do(w *worker, item int)
}

// worker is what a goroutine needs for itself.
type worker struct {
	wake        chan struct{}
	tile        Tile
	pixels, out []int32 // grown on demand and kept, as are the rest
	rows        []float32
	scaled      []float32
	taps        []Tap
}

// NewPool starts threads-1 goroutines; 0 or less means GOMAXPROCS threads. Close ends them.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{}
	for i := range threads {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		if i > 0 {
			p.ended.Go(func() { p.serve(w) })
		}
	}
	return p
}

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
	for range w.wake {
		p.drain(w)
		p.busy.Done()
	}
}

func (p *Pool) drain(w *worker) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.items {
			return
		}
		p.step.do(w, int(i))
	}
}

// run does the items of s and returns when all are done.
func (p *Pool) run(items int, s step) {
	p.step, p.items = s, int64(items)
	p.next.Store(0)
	others := p.workers[1:min(len(p.workers), max(items, 1))]
	p.busy.Add(len(others))
	for _, w := range others {
		w.wake <- struct{}{}
	}
	p.drain(p.workers[0])
	p.busy.Wait()
	p.step = nil
}
