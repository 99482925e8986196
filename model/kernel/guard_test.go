//go:build unix

package kernel

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fence is memory between two inaccessible pages: an access beyond either end is a fault, which ends the process.
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

// take returns n values that end, or begin, at an inaccessible page.
func (f *fence) take(n int, atEnd bool) []float32 {
	if atEnd {
		return f.inside[len(f.inside)-n:][:n:n]
	}
	return f.inside[:n:n]
}

// TestFences runs every kernel on memory next to inaccessible pages: the race detector and Go's bounds checks do not
// cover assembly.
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
				set.Merge(take(0, 2*n), take(1, n+3), []int32{0, 3}, []int32{1}, 1, n%2 == 0)
			}
			l := set.Lanes
			set.Transpose(take(0, l*l), l, take(1, l*l), l)
			for _, channels := range []int{1, 8, 16, 24, 48, 96, 112} {
				for _, pixels := range []int{1, 3} {
					n := pixels * channels
					set.SumSquares(take(0, channels), take(1, channels), take(2, n))
					set.ScaleShift(take(0, n), take(1, n), take(2, channels), take(3, channels), 0.2)
					set.GatherSums(take(0, n), take(1, n), take(2, channels), take(3, channels), take(4, channels),
						take(5, channels), 0.2)
					set.SpreadBack(take(0, n), take(1, n), take(2, channels), take(3, channels), take(4, channels))
				}
			}
		}
	})
}

// fenceMicro runs a micro-kernel for each number of channels, from a bias and from existing sums, on one and on several
// groups, with taps before the pixels, and with the strides of a gradient.
func fenceMicro(m *Micro, take func(i, n int) []float32) {
	const in = 5
	for channels := 1; channels <= m.Channels; channels++ {
		for _, c := range []struct{ groups, srcStep, weightStep int }{
			{1, 1, m.Channels},
			{3, 1, m.Channels},
			{2, 3, m.Channels + 7},
		} {
			for _, bias := range []bool{true, false} {
				pixels := c.groups * m.Pixels
				// Of the last pixel's values only the strided ones exist.
				src := (pixels-1)*in*c.srcStep + (in-1)*c.srcStep + 1
				t := Tile{
					Src: take(0, src), Weights: take(1, (in-1)*c.weightStep+m.Channels), Dst: take(2, pixels*channels),
					Taps: []Tap{{Src: -2 * c.srcStep, Len: 2}, {Weight: 2, Len: 3}}, Channels: channels,
					SrcStep: c.srcStep, WeightStep: c.weightStep, Slope: 0.2,
				}
				if bias {
					t.Bias = take(3, m.Channels)
				}
				for p := range pixels {
					t.Pixels, t.Out = append(t.Pixels, int32((p*in+2)*c.srcStep)), append(t.Out, int32(p*channels))
				}
				m.Run(&t)
			}
		}
	}
}

// TestFencedLayers runs whole layers, their gradients and the memory next to inaccessible pages.
func TestFencedLayers(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		fences := []*fence{newFence(t), newFence(t), newFence(t)}
		pool := NewPool(2)
		defer pool.Close()
		for _, atEnd := range []bool{false, true} {
			for _, s := range []shape{
				{size: [3]int{4, 6, 8}, stride: [3]int{1, 2, 2}, in: 1, out: 16},
				{size: [3]int{4, 6, 8}, stride: [3]int{2, 2, 2}, in: 8, out: 24},
				{up: true, size: [3]int{2, 3, 4}, stride: [3]int{2, 2, 2}, in: 24, out: 8},
				{up: true, size: [3]int{2, 3, 8}, stride: [3]int{1, 2, 2}, in: 16, out: 1},
			} {
				c := NewConv(set, s.axes(), s.in, s.out, 0.2)
				src, dst := fences[0].take(c.SrcLen(), atEnd), fences[1].take(c.DstLen(), atEnd)
				c.Run(pool, dst, src)
				down, large, small, channels := s.axes(), src, dst, [2]int{s.in, s.out}
				if s.up {
					down, large, small, channels = s.reversed(), dst, src, [2]int{s.out, s.in}
				}
				g := NewWeightGrad(set, down, channels[0], channels[1])
				g.Run(pool, fences[2].take(g.Len(), atEnd), large, small, 1)
			}
			first := shape{up: true, size: [3]int{2, 3, 5}, stride: [3]int{2, 2, 2}, in: 3, out: 33}
			last := shape{up: true, size: [3]int{4, 6, 10}, stride: [3]int{1, 2, 2}, in: 33, out: 1}
			a, b := NewConv(set, first.axes(), 3, 33, 1), NewConv(set, last.axes(), 33, 1, 1)
			NewFusedTail(a, b).Run(pool, fences[0].take(b.DstLen(), atEnd), fences[1].take(a.SrcLen(), atEnd), Errors{
				Sum: fences[2].take(12*20, atEnd), X: make([]float32, b.DstLen()),
			})
			m := NewMemory(set, 21, 24, 1./21, false)
			m.Pack(make([]float32, 21*24))
			m.Reserve(pool)
			m.Run(pool, fences[0].take(7*24, atEnd), fences[1].take(7*24, atEnd), 7, fences[2].take(7*21, atEnd))
		}
	})
}
