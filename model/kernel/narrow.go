package kernel

// A transposed convolution to one channel would leave a tile's channels idle. So each pixel of the source is
// multiplied by the weights of all 27 places of the kernel, and what they yield is added up where it belongs.
//
//	planes[k][w] = Σ over channels: src[t][h][w] · weights[k]      for a row of pixels
//	dst[t+…][2h+…][2w+…] = bias + Σ of the planes that meet there  a source frame adds to 3 frames
//
// Where there are more channels than places, a tile's channels are the places and its products are turned; else a row
// of the source is turned, the tile's channels are its pixels and the tile's pixels the places.
//
// A thread takes a band of rows through the frames. It makes the planes of the row below its band too, which the next
// band makes again.

const places = Taps * Taps * Taps

// narrow is the plan of such a convolution. Height and width have stride 2, time has stride 1.
type narrow struct {
	set     *Set
	t       Axis
	height  int // of the source
	width   int
	in      int
	few     bool // channels, so that rows of the source are turned
	micro   *Micro
	weights []float32 // [tiles][in][micro.Channels], or where they are few [places][in]
	zeros   []float32
	bias    float32
	slope   float32
	skip    int     // frames of the destination that are left out
	wide    int     // products of a pixel: the places in whole lanes
	line    int     // values of a row of a plane: the width in whole lanes, and zeros
	turned  int     // values of a turned row of one channel: the width in whole tiles
	pixels  []int32 // where the pixels of a row lie, and their products; or the weights of the places, and their planes
	out     []int32
	taps    []Tap
}

// newNarrow is nil where a convolution is of another kind.
func newNarrow(set *Set, axes [3]Axis, in, out int, slope float32) *narrow {
	for _, a := range axes[1:] {
		if len(a.phases) != 2 {
			return nil
		}
	}
	if out != 1 || len(axes[0].phases) != 1 || axes[0].phases[0].inStep != 1 {
		return nil
	}
	n := &narrow{
		set: set, t: axes[0], height: axes[1].In, width: axes[2].In, in: in, slope: slope, few: in < places,
		taps: []Tap{{Len: in}},
	}
	n.wide = tiles(places, set.Lanes) * set.Lanes
	n.line = (tiles(n.width, set.Lanes) + 1) * set.Lanes
	if n.few {
		n.micro = set.micro(n.width)
		n.turned = tiles(n.width, n.micro.Channels) * n.micro.Channels
		n.weights = make([]float32, places*in)
		for k := range places {
			n.pixels, n.out = append(n.pixels, int32(k*in)), append(n.out, int32(k*n.line))
		}
	} else {
		n.micro = set.micro(places)
		n.weights = make([]float32, tiles(places, n.micro.Channels)*in*n.micro.Channels)
		for p := range n.width {
			n.pixels, n.out = append(n.pixels, int32(p*in)), append(n.out, int32(p*n.wide))
		}
	}
	n.zeros = make([]float32, n.micro.Channels)
	n.pixels, n.out = fillGroup(n.pixels, n.micro.Pixels), fillGroup(n.out, n.micro.Pixels)
	return n
}

func (n *narrow) pack(w []float32, inStride int, bias []float32) {
	channels := n.micro.Channels
	for k := range places {
		if n.few {
			for i := range n.in {
				n.weights[k*n.in+i] = w[i*inStride+k]
			}
			continue
		}
		tile := n.weights[k/channels*channels*n.in:]
		for i := range n.in {
			tile[i*channels+k%channels] = w[i*inStride+k]
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
		frames += max(s.to-max(s.from, n.skip), 0) * (s.hi - s.lo)
	}
	return frames * met
}

// multiply computes the products of pixels of src, [places] in front of every wide values of dst.
func (n *narrow) multiply(w *worker, dst, src []float32, pixels, out []int32) {
	t, channels := &w.tile, n.micro.Channels
	t.Src, t.SrcStep, t.WeightStep, t.Taps, t.Bias, t.Slope = src, 1, channels, n.taps, n.zeros, 1
	for first := 0; first < places; first += channels {
		t.Weights, t.Dst, t.Channels = n.weights[first*n.in:][:n.in*channels], dst[first:], min(channels, places-first)
		n.micro.run(t, pixels, out, n.in)
	}
	*t = Tile{}
}

// narrowRows is how many rows of the source a band has.
const narrowRows = 8

type narrowStep struct {
	narrow *narrow
	dst    []float32
	// Either the source or the products of the frames from on, [frames][height][width][wide].
	src, products []float32
	from, to      int // frames of the source
	errors        Errors
}

// run computes the destination.
func (n *narrow) run(p *Pool, dst, src []float32, e Errors) {
	p.narrow = narrowStep{narrow: n, dst: dst, src: src, from: n.t.before(n.skip), to: n.t.In, errors: e}
	p.run(tiles(n.height, narrowRows), &p.narrow)
	p.narrow = narrowStep{}
}

func (s *narrowStep) do(w *worker, band int) {
	n := s.narrow
	from := band * narrowRows
	to := min(from+narrowRows, n.height)
	w.planes = grow(w.planes, 2*n.wide*n.line)
	if w.cleared != n {
		w.cleared = n
		for at := 0; at < len(w.planes); at += n.line {
			clear(w.planes[at+n.width : at+n.line])
		}
	}
	for t := s.from; t < s.to; t++ {
		s.row(w, t, from)
		for h := from; h < to; h++ {
			if h+1 < n.height {
				s.row(w, t, h+1)
			}
			s.merge(w, t, h)
			s.finish(t, h)
		}
	}
}

// plane is where the planes of a row begin: there are those of two rows.
func (n *narrow) plane(h int) int { return h % 2 * n.wide * n.line }

// row makes the planes of a row, [wide][line].
func (s *narrowStep) row(w *worker, t, h int) {
	n := s.narrow
	planes := w.planes[n.plane(h):][:n.wide*n.line]
	if s.products != nil {
		n.turn(planes, n.line, s.products[((t-s.from)*n.height+h)*n.width*n.wide:], n.wide)
		return
	}
	src := s.src[(t*n.height+h)*n.width*n.in:][:n.width*n.in]
	if !n.few {
		w.rows = grow(w.rows, n.width*n.wide)
		n.multiply(w, w.rows, src, n.pixels, n.out)
		n.turn(planes, n.line, w.rows, n.wide)
		return
	}
	w.rows = grow(w.rows, n.in*n.turned)
	n.turn(w.rows, n.turned, src, n.in)
	tile, wide := &w.tile, n.micro.Channels
	tile.Src, tile.SrcStep, tile.WeightStep, tile.Taps, tile.Bias, tile.Slope = n.weights, 1, n.turned,
		n.taps, n.zeros, 1
	for first := 0; first < n.width; first += wide {
		tile.Weights, tile.Dst, tile.Channels = w.rows[first:], planes[first:], min(wide, n.width-first)
		n.micro.run(tile, n.pixels, n.out, n.in)
	}
	*tile = Tile{}
}

// turn brings a row of pixels, [width][values], to [values][dstStep].
func (n *narrow) turn(dst []float32, dstStep int, src []float32, values int) {
	l := n.set.Lanes
	pixels, whole := n.width/l*l, values/l*l
	for p := 0; p < pixels; p += l {
		for v := 0; v < whole; v += l {
			n.set.Transpose(dst[v*dstStep+p:], dstStep, src[p*values+v:], values)
		}
	}
	for p := range n.width {
		from := 0
		if p < pixels {
			from = whole
		}
		for v := from; v < values; v++ {
			dst[v*dstStep+p] = src[p*values+v]
		}
	}
}

// merge adds what row h of the source's frame t yields to the rows 2h and 2h+1 of the frames around t.
func (s *narrowStep) merge(w *worker, t, h int) {
	n := s.narrow
	length := tiles(n.width, n.set.Lanes) * n.set.Lanes
	ph := &n.t.phases[0]
	for i, kt := range ph.kernel {
		frame := t - ph.first - i
		if frame < n.skip || frame >= n.t.Out {
			continue
		}
		bias, add := float32(0), i > 0 && t > 0
		if !add {
			bias = n.bias
		}
		for parity := range 2 {
			even, odd := w.pixels[:0], w.out[:0]
			// An even row comes from its own source row by the kernel's middle, an odd one from that and the next.
			for below := range 1 + parity {
				if kh := 1 + parity - 2*below; h+below < n.height {
					at := n.plane(h+below) + (kt*Taps+kh)*Taps*n.line
					even = append(even, int32(at+n.line))
					odd = append(odd, int32(at+2*n.line), int32(at+1))
				}
			}
			w.pixels, w.out = even, odd
			dst := s.dst[(frame*2*n.height+2*h+parity)*2*n.width:][:2*n.width]
			if length == n.width {
				n.set.Merge(dst, w.planes, even, odd, bias, add)
			} else {
				merge(dst, w.planes, even, odd, bias, add)
			}
		}
	}
}

// finish does what is left for the two rows that row h of the source makes, in the frames that no later one of the
// source adds to.
func (s *narrowStep) finish(t, h int) {
	n, ph := s.narrow, &s.narrow.t.phases[0]
	from := t - ph.first - (len(ph.kernel) - 1)
	to := from + 1
	if t == n.t.In-1 {
		to = n.t.Out
	}
	area, at, width := 4*n.height*n.width, 4*h*n.width, 4*n.width
	for frame := max(from, n.skip); frame < to; frame++ {
		dst := s.dst[frame*area+at:][:width]
		if n.slope != 1 {
			for i, v := range dst {
				dst[i] = max(v, n.slope*v)
			}
		}
		if s.errors.Sum == nil {
			continue
		}
		sum := s.errors.Sum[at:][:width]
		if frame == n.skip {
			clear(sum)
		}
		n.set.Residual(sum, dst, s.errors.X[frame*area+at:][:width], s.errors.Square)
	}
}
