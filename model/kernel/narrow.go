package kernel

// A transposed convolution to one channel leaves a tile's channels idle, so it is turned round: each source pixel is multiplied by all 27
// weights at once, a product with as many channels as the kernel has places, and what the places yield is added up where it belongs.
//
//	P[k][h][w] = Σ over channels: src[t][h][w] · weights[k]        for a row of pixels at a time, then turned to a plane for each k
//	dst[t][2h+…][2w+…] = bias + Σ of the P that meet there         3 to 12 rows of P for each row of dst
//
// A worker takes a band of rows through all frames and keeps the last three frames' planes, which stay in its second-level cache.

// narrowBand is how many source rows a band has; one more is computed for the row below.
const narrowBand = 4

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

func (n *narrow) bands() int { return tiles(n.height, narrowBand) }

type narrowStep struct {
	narrow   *narrow
	dst, src []float32
}

// room is what a worker needs: products of a row, planes of three frames, and a row of the destination.
func (n *narrow) room() (products, planes, row int) {
	return tiles(n.width, n.set.Lanes) * n.set.Lanes * n.wide, 3 * (narrowBand + 1) * n.wide * n.line, 2 * n.line
}

func (s *narrowStep) do(w *worker, band int) {
	n := s.narrow
	productLen, planeLen, rowLen := n.room()
	w.rows = grow(w.rows, productLen+planeLen+rowLen)
	room := w.rows[:productLen+planeLen+rowLen]
	clear(room)
	products, planes, row := room[:productLen], room[productLen:][:planeLen], room[productLen+planeLen:]
	from := band * narrowBand
	rows := min(narrowBand+1, n.height-from)
	for t := range n.t.In {
		for h := range rows {
			s.multiply(w, products, planes[n.plane(t, h):], (t*n.height+from+h)*n.width*n.in)
		}
		if t > 0 {
			s.merge(w, planes, row, from, t-1)
		}
	}
	s.merge(w, planes, row, from, n.t.In-1)
}

// plane is where the planes of a row of a frame begin in the ring.
func (n *narrow) plane(t, h int) int { return (t%3*(narrowBand+1) + h) * n.wide * n.line }

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

// merge adds up the band's rows of frame t.
func (s *narrowStep) merge(w *worker, planes, row []float32, from, t int) {
	n := s.narrow
	length := tiles(n.width, n.set.Lanes) * n.set.Lanes
	for h := range min(narrowBand, n.height-from) {
		for parity := range 2 {
			even, odd := w.pixels[:0], w.out[:0]
			for i, kt := range n.t.phases[0].kernel {
				frame := t + n.t.phases[0].first + i
				if frame < 0 || frame >= n.t.In {
					continue
				}
				// An even row comes from its own source row by the kernel's middle, an odd one from that and the next.
				kh, below := 1, 0
				for range 1 + parity {
					if parity == 1 {
						kh = 2 - 2*below
					}
					if from+h+below < n.height {
						at := n.plane(frame, h+below) + (kt*Taps+kh)*Taps*n.line
						even = append(even, int32(at+n.line))
						odd = append(odd, int32(at+2*n.line), int32(at+1))
					}
					below++
				}
			}
			n.set.Merge(row[:2*length], planes, even, odd, n.bias)
			w.pixels, w.out = even, odd
			dst := s.dst[(t*2*n.height+2*(from+h)+parity)*2*n.width:][:2*n.width]
			copy(dst, row)
			if n.slope != 1 {
				for i, v := range dst {
					dst[i] = max(v, n.slope*v)
				}
			}
		}
	}
}
