// Package kernel is the arithmetic of MemAE. Activations are channels-last, and every expensive step is the same small
// matrix product.
//
// A micro-kernel computes a tile: a few output pixels times a few output channels,
//
//	dst[p][c] = act(start[c] + Σ over taps, over i: src[p + tap + i] · weights[tap + i][c])
//
// Convolutions are lists of taps without those on padding, transposed convolutions are one such list for each parity of
// the output, and the memory is two products with one tap each. Each instruction set is an entry in Sets; the same test
// suite runs on each of them.
//
// The order in which an output is summed depends on the shapes alone, so results are equal to the last bit for any
// number of threads.
package kernel

import (
	"fmt"
	"os"
	"strings"
)

// Tap is a run of source values and the run of weight rows that they are multiplied with. For a convolution it is one
// row of the kernel: its columns and their channels are adjacent in the source.
type Tap struct {
	Src    int // offset from a pixel's own offset, in elements; may be negative
	Weight int // first row in Tile.Weights
	Len    int // number of source values and of weight rows
}

// Tile is the input of one call of a micro-kernel: one channel tile of any number of groups of pixels. All offsets are
// in elements of the slice they point into. The assembly accesses the fields by offset.
type Tile struct {
	Src     []float32 // the source; every pixel offset + tap offset lies within it
	Pixels  []int32
	Taps    []Tap
	Weights []float32 // rows of Micro.Channels, WeightStep apart
	Dst     []float32
	Out     []int32 // an offset in Dst for each pixel
	// Bias initialises the sums, [Micro.Channels]. If nil, the sums continue from the values in Dst.
	Bias []float32
	// Channels is how many of the tile's channels exist, 1 to Micro.Channels; the rest is not written.
	Channels int
	// SrcStep is the distance between the source values of a tap, WeightStep that between weight rows.
	SrcStep, WeightStep int
	// Slope multiplies negative results when they are stored, as in LeakyReLU; from 0 to 1, where 1 is the identity.
	Slope float32
}

// Micro is a micro-kernel and the size of a group and a channel tile. Run reads and writes nothing outside the tile.
type Micro struct {
	Pixels   int
	Channels int
	Run      func(*Tile)
}

// maxCallMACs is about how many multiplications a call may take: goroutines cannot be preempted in assembly.
const maxCallMACs = 1 << 22

// run computes a tile in calls that are short enough. rows is the total number of weight rows of its taps.
func (m *Micro) run(t *Tile, pixels, out []int32, rows int) {
	most := max(maxCallMACs/(max(rows, 1)*m.Channels), m.Pixels) / m.Pixels * m.Pixels
	for from := 0; from < len(pixels); from += most {
		to := min(from+most, len(pixels))
		t.Pixels, t.Out = pixels[from:to], out[from:to]
		m.Run(t)
	}
}

// Set is the implementation of all kernels for one instruction set.
type Set struct {
	Name string
	// Micros holds micro-kernels from the most channels to the fewest.
	Micros []Micro
	// Address turns a row of the memory's dot products into addressing weights: softmax, hard shrinkage at lambda, and
	// division by the remaining sum. lambda 0 stops after the softmax.
	Address func(row []float32, lambda float32)
	// Residual adds |y-x|, or (y-x)² where square is set, to sum. The slices have equal lengths.
	Residual func(sum, y, x []float32, square bool)
	// Lanes is the side of the squares that Transpose transposes; Merge takes rows whose length is a multiple of it.
	Lanes int
	// Transpose writes Lanes rows of Lanes values, srcStep apart, as columns, dstStep apart.
	Transpose func(dst []float32, dstStep int, src []float32, srcStep int)
	// Merge fills dst, [2n], with sums of rows of base: dst[2i] sums the rows that begin at even, dst[2i+1] those at
	// odd, plus bias. With add, it adds these sums to dst.
	Merge func(dst, base []float32, even, odd []int32, bias float32, add bool)
	// The passes of a batch norm over [pixels][channels]; see rows.go.
	SumSquares func(sum, square, u []float32)
	ScaleShift func(y, u, scale, shift []float32, slope float32)
	GatherSums func(g, u, scale, shift, sum, along []float32, slope float32)
	SpreadBack func(g, u, own, along, all []float32)
	// Peak does n rounds of nothing but independent products of PeakWork FLOP each, to measure the most that a core
	// can do.
	Peak      func(n int)
	PeakFLOPs int
}

// Sets lists the kernel sets that this machine supports, the fastest last. "go" is always available and is the
// reference.
func Sets() []*Set { return append([]*Set{&goSet}, nativeSets()...) }

// EnvISA is the environment variable that forces a kernel set, for tests and comparisons. Empty: the fastest.
const EnvISA = "VIGIL_ISA"

// BestSet is the fastest set of this machine, or the one that EnvISA names. It panics if that set is not available;
// CheckEnvISA reports this as an error.
func BestSet() *Set {
	all := Sets()
	if name := os.Getenv(EnvISA); name != "" {
		set, err := FindSet(name)
		if err != nil {
			panic(err)
		}
		return set
	}
	return all[len(all)-1]
}

// FindSet returns the set with that name; the error lists the available ones.
func FindSet(name string) (*Set, error) {
	var names []string
	for _, s := range Sets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("instruction set %q is not available, this machine has %s", name, strings.Join(names, ", "))
}

// CheckEnvISA returns an error if EnvISA names a set that this machine does not support.
func CheckEnvISA() error {
	name := os.Getenv(EnvISA)
	if name == "" {
		return nil
	}
	if _, err := FindSet(name); err != nil {
		return fmt.Errorf("%s: %w", EnvISA, err)
	}
	return nil
}

// micro selects the micro-kernel that wastes the fewest channels on the padding of its last tile; among equals, the one
// with the most channels.
func (s *Set) micro(channels int) *Micro {
	best := &s.Micros[0]
	for i := range s.Micros {
		if m := &s.Micros[i]; tiles(channels, m.Channels)*m.Channels < tiles(channels, best.Channels)*best.Channels {
			best = m
		}
	}
	return best
}

// tiles is the number of tiles of the given width that cover n.
func tiles(n, width int) int { return (n + width - 1) / width }
