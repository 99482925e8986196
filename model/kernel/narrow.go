package kernel

// A transposed convolution to one channel leaves a tile's channels idle, so it is turned round: each source pixel is multiplied by all 27
// weights at once, a product with as many channels as the kernel has places, and what the places yield is added up where it belongs.
//
//	P[k][h][w] = Σ over channels: src[t][h][w] · weights[k]        for a row of pixels at a time, then turned to a plane for each k
//	dst[t][2h+…][2w+…] = bias + Σ of the P that meet there         3 to 12 rows of P for each row of dst
//
// Source frames are multiplied as they come, a few at a time; the planes of the last few are kept, in a ring that stays in a cache.

// narrow is the plan of such a convolution. Height and width have stride 2.
type narrow struct {
	set    *Set
	t      Axis
	height int // of the source
	width  int
	in     int
	micro  *Micro
	packed []float32 // [tiles][in][micro.Channels]
	zeros  []float32
	bias   float32
	slope  float32
	line   int // values of a row of a plane: the width in whole lanes, and zeros
	wide   int // columns of products, in whole lanes
	pixels []int32
	out    []int32
	taps   []Tap
}

// newNarrow is nil where a convolution is of another kind.
func newNarrow(set *Set, axes [3]Axis, in, out int, slope float32) *narrow {
	for _, a := range axes[1:] {
		if len(a.phases) != 2 {
			return nil
		}
	}
	// One frame in makes one frame out.
	if out != 1 || len(axes[0].phases) != 1 || axes[0].phases[0].inStep != 1 {
		return nil
	}
	const places = Taps * Taps * Taps
	n := &narrow{
		set: set, t: axes[0], height: axes[1].In, width: axes[2].In, in: in, slope: slope, micro: set.micro(places),
		taps: []Tap{{Len: in}},
	}
	n.wide = max(tiles(places, n.micro.Channels)*n.micro.Channels, tiles(places, set.Lanes)*set.Lanes)
	n.zeros = make([]float32, n.micro.Channels)
	n.packed = make([]float32, tiles(places, n.micro.Channels)*in*n.micro.Channels)
	n.line = (tiles(n.width, set.Lanes) + 1) * set.Lanes
	for w := range n.width {
		n.pixels = append(n.pixels, int32(w*in))
		n.out = append(n.out, int32(w*n.wide))
	}
	n.pixels, n.out = fillGroup(n.pixels, n.micro.Pixels), fillGroup(n.out, n.micro.Pixels)
	return n
}

func (n *narrow) pack(w []float32, inStride int, bias []float32) {
	clear(n.packed)
	width := n.micro.Channels
	for k := range Taps * Taps * Taps {
		column := n.packed[k/width*n.in*width+k%width:]
		for i := range n.in {
			column[i*width] = w[i*inStride+k]
		}
	}
	n.bias = 0
	if len(bias) > 0 {
		n.bias = bias[0]
	}
}

// work is the number of multiplications with real values.
func (n *narrow) work() int {
	met := (3*n.height - 1) * (3*n.width - 1) * n.in
	frames := 0
	for _, s := range n.t.segments() {
		frames += (s.to - s.from) * (s.hi - s.lo)
	}
	return frames * met
}

const (
	// narrowRows is how many rows of the source an item has.
	narrowRows = 4
	// narrowFrames is how many frames are multiplied and merged at a time.
	narrowFrames = 4
	// narrowRing is how many frames' planes are kept: those, and one before and one after.
	narrowRing = narrowFrames + 2
)

type narrowStep struct {
	narrow   *narrow
	dst, src []float32
	merging  bool
	first    int       // frame of the pass
	planes   []float32 // kept from run to run: [narrowRing][height][wide][line], columns beyond the width are 0
}

// run computes frames of the destination; a first frame of 0 begins anew.
func (n *narrow) run(p *Pool, dst, src []float32, from, to int) {
	s := &p.narrow
	*s = narrowStep{narrow: n, dst: dst, src: src, planes: s.planes}
	if from == 0 {
		s.planes = grow(s.planes, narrowRing*n.height*n.wide*n.line)
		for h := range narrowRing * n.height * n.wide {
			clear(s.planes[h*n.line+n.width:][:n.line-n.width])
		}
	}
	items := tiles(n.height, narrowRows)
	for from < to {
		upTo := min(from+narrowFrames, to)
		// Frame t needs the source's t-1, t and t+1.
		s.merging, s.first = false, from+min(from, 1)
		p.run(items*(min(upTo+1, n.t.In)-s.first), s)
		s.merging, s.first = true, from
		p.run(items*(upTo-from), s)
		from = upTo
	}
	*s = narrowStep{planes: s.planes}
}

func (s *narrowStep) do(w *worker, item int) {
	n := s.narrow
	items := tiles(n.height, narrowRows)
	t, from := s.first+item/items, item%items*narrowRows
	to := min(from+narrowRows, n.height)
	if s.merging {
		w.rows = grow(w.rows, 2*n.line)
		s.merge(w, w.rows[:2*n.line], t, from, to)
		return
	}
	size := tiles(n.width, n.set.Lanes) * n.set.Lanes * n.wide
	w.rows = grow(w.rows, size)
	// What stands for pixels beyond the width must be 0.
	clear(w.rows[n.width*n.wide : size])
	for h := from; h < to; h++ {
		s.multiply(w, w.rows[:size], s.planes[n.plane(t, h):], (t*n.height+h)*n.width*n.in)
	}
}

// plane is where the planes of a row of a frame begin in the ring.
func (n *narrow) plane(t, h int) int { return (t%narrowRing*n.height + h) * n.wide * n.line }

// multiply computes the products of a row of pixels and turns them to planes.
func (s *narrowStep) multiply(w *worker, products, planes []float32, at int) {
	n, t := s.narrow, &w.tile
	t.Src, t.SrcStep, t.WeightStep, t.Taps, t.Bias, t.Slope = s.src[at:], 1, n.micro.Channels, n.taps, n.zeros, 1
	width := n.micro.Channels
	for tile := range len(n.packed) / (n.in * width) {
		t.Weights = n.packed[tile*n.in*width:]
		t.Dst = products[tile*width:]
		t.Channels = width
		n.micro.run(t, n.pixels, n.out, n.in)
	}
	*t = Tile{}
	lanes := n.set.Lanes
	for p := 0; p < n.width; p += lanes {
		for k := 0; k < Taps*Taps*Taps; k += lanes {
			n.set.Transpose(planes[k*n.line+p:], n.line, products[p*n.wide+k:], n.wide)
		}
	}
}

// merge adds up the rows of the destination's frame t that the source's rows from to to yield.
func (s *narrowStep) merge(w *worker, row []float32, t, from, to int) {
	n := s.narrow
	length := tiles(n.width, n.set.Lanes) * n.set.Lanes
	for h := from; h < to; h++ {
		for parity := range 2 {
			even, odd := w.pixels[:0], w.out[:0]
			for i, kt := range n.t.phases[0].kernel {
				frame := t + n.t.phases[0].first + i
				if frame < 0 || frame >= n.t.In {
					continue
				}
				// An even row comes from its own source row by the kernel's middle, an odd one from that and the next.
				for below := range 1 + parity {
					kh := 1 + parity - 2*below
					if h+below < n.height {
						at := n.plane(frame, h+below) + (kt*Taps+kh)*Taps*n.line
						even = append(even, int32(at+n.line))
						odd = append(odd, int32(at+2*n.line), int32(at+1))
					}
				}
			}
			n.set.Merge(row[:2*length], s.planes, even, odd, n.bias)
			w.pixels, w.out = even, odd
			dst := s.dst[(t*2*n.height+2*h+parity)*2*n.width:][:2*n.width]
			copy(dst, row)
			if n.slope != 1 {
				for i, v := range dst {
					dst[i] = max(v, n.slope*v)
				}
			}
		}
	}
}
