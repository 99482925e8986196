//go:build unix

package kernel

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fence is memory between two pages that nobody may touch: a read or a write beyond either end is a fault, which ends the test's process.
type fence struct{ inside []float32 }

func newFence(t *testing.T) *fence {
	t.Helper()
	page := unix.Getpagesize()
	const pages = 64
	all, err := unix.Mmap(-1, 0, (pages+2)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{all[:page], all[(pages+1)*page:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return &fence{unsafe.Slice((*float32)(unsafe.Pointer(&all[page])), pages*page/4)}
}

// take gives n values that end at the fence, or that begin at it.
func (f *fence) take(n int, atEnd bool) []float32 {
	if atEnd {
		return f.inside[len(f.inside)-n:][:n:n]
	}
	return f.inside[:n:n]
}

// TestFences runs every kernel on memory that ends, or begins, where a page begins that must not be touched: the race detector and the
// bounds checks of Go cannot see what assembly reads.
func TestFences(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		fences := make([]*fence, 6)
		for i := range fences {
			fences[i] = newFence(t)
		}
		for _, atEnd := range []bool{false, true} {
			take := func(i, n int) []float32 { return fences[i].take(n, atEnd) }
			for i := range set.Micros {
				fenceMicro(&set.Micros[i], take)
			}
			for n := 1; n < 70; n++ {
				set.Address(take(0, n), 0.1)
				set.Address(take(0, n), 0)
				set.Residual(take(0, n), take(1, n), take(2, n), true)
				set.Residual(take(0, n), take(1, n), take(2, n), false)
				set.Merge(take(0, 2*n), take(1, n+3), []int32{0, 3}, []int32{1}, 1)
			}
			l := set.Lanes
			set.Transpose(take(0, l*l), l, take(1, l*l), l)
			for _, channels := range []int{1, 8, 16, 24, 48, 96, 112} {
				for _, pixels := range []int{1, 3} {
					n := pixels * channels
					set.SumSquares(take(0, channels), take(1, channels), take(2, n))
					set.ScaleShift(take(0, n), take(1, n), take(2, channels), take(3, channels), 0.2)
					set.GatherSums(take(0, n), take(1, n), take(2, channels), take(3, channels), take(4, channels), take(5, channels), 0.2)
					set.SpreadBack(take(0, n), take(1, n), take(2, channels), take(3, channels), take(4, channels))
				}
			}
		}
	})
}

// fenceMicro runs a micro-kernel for each number of channels, from the bias and going on.
func fenceMicro(m *Micro, take func(i, n int) []float32) {
	const in = 5
	for channels := 1; channels <= m.Channels; channels++ {
		for _, bias := range []bool{true, false} {
			t := Tile{
				Src: take(0, m.Pixels*in), Weights: take(1, in*m.Channels), Dst: take(2, m.Pixels*channels), Taps: []Tap{{Len: 2}, {Src: 2, Weight: 2, Len: 3}},
				Channels: channels, SrcStep: 1, WeightStep: m.Channels, Slope: 0.2,
			}
			if bias {
				t.Bias = take(3, m.Channels)
			}
			for p := range m.Pixels {
				t.Pixels, t.Out = append(t.Pixels, int32(p*in)), append(t.Out, int32(p*channels))
			}
			m.Run(&t)
		}
	}
}
