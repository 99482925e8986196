package kernel

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// counter counts how often each item was done.
type counter []atomic.Int32

func (c counter) do(_ *worker, item int) { c[item].Add(1) }

func TestPool(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		p := NewPool(threads)
		if p.Threads() != threads {
			t.Errorf("%d threads, want %d", p.Threads(), threads)
		}
		for _, items := range []int{0, 1, 2, 3, 1000} {
			c := make(counter, items)
			p.run(items, c)
			for i := range c {
				if n := c[i].Load(); n != 1 {
					t.Fatalf("%d threads, %d items: item %d was done %d times", threads, items, i, n)
				}
			}
		}
		p.Close()
		p.Close()
	}
}

// plainCounter counts without synchronisation: that of the pool must suffice.
type plainCounter []int

func (c plainCounter) do(_ *worker, item int) {
	c[item]++
	if item == 1 {
		runtime.Gosched()
	}
}

// TestPoolManySteps runs short steps with workers that block immediately, soon, or hardly ever.
func TestPoolManySteps(t *testing.T) {
	for _, spins := range []int{0, 1, 50, 3000} {
		for _, threads := range []int{2, 3, 5} {
			p := newPool(threads, spins)
			c := make(plainCounter, 6)
			for step := range 2000 {
				p.run(len(c), c)
				for item, n := range c {
					if n != step+1 {
						t.Fatalf("%d spins, %d threads: after %d steps item %d was done %d times", spins, threads,
							step+1, item, n)
					}
				}
			}
			p.Close()
		}
	}
}

// TestPoolEndsItsGoroutines relies on synctest, which fails a test that leaves a goroutine behind.
func TestPoolEndsItsGoroutines(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		p := NewPool(9)
		c := make(counter, 100)
		p.run(len(c), c)
		p.Close()
	})
}

func TestPoolDefault(t *testing.T) {
	p := NewPool(0)
	defer p.Close()
	if p.Threads() != runtime.GOMAXPROCS(0) {
		t.Errorf("%d threads, want GOMAXPROCS", p.Threads())
	}
}

func TestResidual(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		p := NewPool(3)
		defer p.Close()
		r := newRand(4)
		const frames = 3
		for _, n := range []int{1, 5, residualChunk, 2*residualChunk + 11} {
			y, x := fill(r, make([]float32, frames*n)), fill(r, make([]float32, frames*n))
			sum, intact := guarded(r, n)
			Residual(p, set, sum, y, x, true)
			if !intact() {
				t.Fatal("wrote outside the sums")
			}
			for i := range sum {
				want := 0.0
				for f := range frames {
					want += math.Pow(float64(y[f*n+i])-float64(x[f*n+i]), 2)
				}
				if !near(sum[i], want, want) {
					t.Fatalf("%d positions: sum %d is %v, want %v", n, i, sum[i], want)
				}
			}
		}
	})
}
