// Package kernel is the arithmetic of MemAE: activations come in channels-last, go out channels-last, and every heavy
// step is one and the same small product.
//
// A micro-kernel computes a tile: a few output pixels times a few output channels,
//
//	dst[p][c] = act(start[c] + Σ over taps, over i: src[p + tap + i] · weights[tap + i][c])
//
// Convolutions are lists of taps whose padding has been left out, transposed convolutions are one such list for each
// parity of the output, the memory is two products with one tap each. What a machine can do better than pure Go
// is another entry in Sets; the suite in this package's tests holds for each of them.
//
// The order in which one output is summed depends on the shapes alone, never on the number of threads, so
// results are equal to the last bit for any number of them.
package kernel

import (
	"fmt"
	"os"
	"strings"
)

// Tap is a run of source values that one run of weight rows belongs to. For a convolution it is one row of the
// kernel: its columns and their channels lie next to each other in the source.
type Tap struct {
	Src    int // offset from a pixel's own offset, in elements; may be negative
	Weight int // the first of its rows in Tile.Weights
	Len    int // source values, and weight rows
}

// Tile is the work of one call of a micro-kernel: one channel tile of any number of groups of pixels. All offsets are
// in elements of the slice they point into. The assembly reads its fields by their place.
type Tile struct {
	Src []float32 // the source; every pixel offset + tap offset lies within it
	// Pixels holds a source offset for each output pixel, in whole groups of Micro.Pixels. A group that is not full
	// repeats pixels: they are computed more than once, with the same result.
	Pixels  []int32
	Taps    []Tap
	Weights []float32 // rows of Micro.Channels, WeightStep apart
	Dst     []float32
	Out     []int32 // an offset in Dst for each of Pixels
	// Bias starts the sums, [Micro.Channels]. Nil: they go on from what Dst holds.
	Bias []float32
	// Channels is how many of the tile's channels exist, 1 to Micro.Channels; the rest is not written.
	Channels int
	// SrcStep is the distance between the values of a tap, WeightStep that between weight rows.
	SrcStep, WeightStep int
	// Slope multiplies negative results at the store, as LeakyReLU does; from 0 to 1, 1 leaves them alone.
	Slope float32
}

// Micro is a micro-kernel and the largest group it computes. Run reads and writes nothing outside the tile.
type Micro struct {
	Pixels   int
	Channels int
	Run      func(*Tile)
}

// maxCallMACs is about how many multiplications a call may take: goroutines cannot be preempted in assembly.
const maxCallMACs = 1 << 22

// run computes a tile in calls that are short enough. rows is the number of weight rows of all its taps.
func (m *Micro) run(t *Tile, pixels, out []int32, rows int) {
	most := max(maxCallMACs/(max(rows, 1)*m.Channels), m.Pixels) / m.Pixels * m.Pixels
	for from := 0; from < len(pixels); from += most {
		to := min(from+most, len(pixels))
		t.Pixels, t.Out = pixels[from:to], out[from:to]
		m.Run(t)
	}
}

// Set is everything that an instruction set brings.
type Set struct {
	Name string
	// Micros holds micro-kernels from the widest in channels to the narrowest.
	Micros []Micro
	// Address turns a row of the memory's dot products into addressing weights: softmax, hard shrinkage at lambda,
	// and division by what is left. lambda 0 ends after the softmax.
	Address func(row []float32, lambda float32)
	// Residual adds |y-x|, or (y-x)² where square is set, to sum. The slices have equal lengths.
	Residual func(sum, y, x []float32, square bool)
	// Lanes is the side of the squares that Transpose turns; Merge reads rows in multiples of it.
	Lanes int
	// Transpose writes Lanes rows of Lanes values, srcStep apart, as columns, dstStep apart.
	Transpose func(dst []float32, dstStep int, src []float32, srcStep int)
	// Merge fills dst, [2n], with sums of rows of base: dst[2i] of those that begin at even, dst[2i+1] of those at
	// odd, plus bias; with add, it adds these to dst.
	Merge func(dst, base []float32, even, odd []int32, bias float32, add bool)
	// The passes of a batch norm over [pixels][channels], as in rows.go.
	SumSquares func(sum, square, u []float32)
	ScaleShift func(y, u, scale, shift []float32, slope float32)
	GatherSums func(g, u, scale, shift, sum, along []float32, slope float32)
	SpreadBack func(g, u, own, along, all []float32)
	// Peak does n rounds of nothing but independent products of PeakWork FLOP each, to measure the most that a core
	// can do.
	Peak      func(n int)
	PeakFLOPs int
}

// Sets lists what this machine can run, the fastest last. "go" is always there and is the reference.
func Sets() []*Set { return append([]*Set{&goSet}, nativeSets()...) }

// EnvISA is the environment variable that names the set to use, for tests and comparisons. Empty: the fastest.
const EnvISA = "VIGIL_ISA"

// BestSet is the fastest set of this machine, or the one that EnvISA names. It panics where the machine has no such set:
// CheckEnvISA says so before.
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

// FindSet is the set of that name, or an error that lists those of this machine.
func FindSet(name string) (*Set, error) {
	var names []string
	for _, s := range Sets() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("%s: this machine has no instruction set %q, only %s", EnvISA, name,
		strings.Join(names, ", "))
}

// CheckEnvISA is an error where EnvISA names a set that this machine has not.
func CheckEnvISA() error {
	name := os.Getenv(EnvISA)
	if name == "" {
		return nil
	}
	_, err := FindSet(name)
	return err
}

// micro picks the micro-kernel that wastes the fewest channels on the padding of its last tile, the widest among
// equals.
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
