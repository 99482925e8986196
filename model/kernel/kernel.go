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

// Tap is a run of source values that one run of weight rows belongs to. For a convolution it is one row of the
// kernel: its columns and their channels lie next to each other in the source.
type Tap struct {
	Src    int // offset from a pixel's own offset, in elements; may be negative
	Weight int // the first of its rows in Tile.Weights
	Len    int // source values, and weight rows
}

// Tile is the work of one call of a micro-kernel. All offsets are in elements of the slice they point into.
type Tile struct {
	Src     []float32 // the source; every pixel offset + tap offset lies within it
	Pixels  []int     // one source offset for each output pixel, 1 to Micro.Pixels of them
	Taps    []Tap
	Weights []float32 // [rows][Micro.Channels], row-major; channels beyond Channels hold 0
	Dst     []float32
	Out     []int // one offset in Dst for each output pixel, as many as Pixels
	// Bias starts the sums, [Micro.Channels]. Nil: they go on from what Dst holds.
	Bias []float32
	// Channels is how many of the tile's channels exist, 1 to Micro.Channels; the rest is not written.
	Channels int
	// Slope multiplies negative results at the store, as LeakyReLU does; 1 leaves them alone.
	Slope float32
}

// Micro is a micro-kernel and the largest tile it computes. Run reads and writes nothing outside the tile.
type Micro struct {
	Pixels   int
	Channels int
	Run      func(*Tile)
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
}

// Sets lists what this machine can run, the fastest last. "go" is always there and is the reference.
func Sets() []*Set { return []*Set{&goSet} }

// Best is the fastest set of this machine.
func Best() *Set {
	all := Sets()
	return all[len(all)-1]
}

// micro picks the micro-kernel that wastes the fewest channels on the padding of its last tile, the widest among equals.
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
