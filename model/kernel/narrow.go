package kernel

// A transposed convolution to one channel leaves a tile's channels idle, so it is turned round: the tile's channels are pixels of a row, its
// pixels are the 27 places of the kernel, and what the places yield is added up where it belongs.
//
//	P[k][h][w] = Σ over channels: weights[k] · src[t][h][w]       for a row of pixels at a time, which is turned for it
//	dst[t][2h+…][2w+…] = bias + Σ of the P that meet there         3 to 12 rows of P for each row of dst
//
// Where all frames are there, a thread takes a band of rows through all of them and keeps the planes of the last three in its own cache; it
// multiplies the row below its band too, which the next band multiplies again. Where frames come a few at a time, all threads multiply
// those and then merge them, with the planes of the last few in a ring.

const places = Taps * Taps * Taps

// narrow is the plan of such a convolution. Height and width have stride 2, time has stride 1.
type narrow struct {
	set     *Set
	t       Axis
	height  int // of the source
	width   int
	in      int
	micro   *Micro
	weights []float32 // [places][in]
	zeros   []float32
	bias    float32
	slope   float32
	line    int     // values of a row of a plane: the width in whole lanes, and zeros
	turned  int     // values of a row of pixels of one channel, in whole tiles
	pixels  []int32 // where the weights of each place lie, and its plane
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
		set: set, t: axes[0], height: axes[1].In, width: axes[2].In, in: in, slope: slope, micro: set.micro(axes[2].In),
		weights: make([]float32, places*in), taps: []Tap{{Len: in}},
	}
	n.zeros = make([]float32, n.micro.Channels)
	n.line = (tiles(n.width, set.Lanes) + 1) * set.Lanes
	n.turned = max(tiles(n.width, n.micro.Channels)*n.micro.Channels, tiles(n.width, set.Lanes)*set.Lanes)
	for k := range places {
		n.pixels = append(n.pixels, int32(k*in))
		n.out = append(n.out, int32(k*n.line))
	}
	n.pixels, n.out = fillGroup(n.pixels, n.micro.Pixels), fillGroup(n.out, n.micro.Pixels)
	return n
}

func (n *narrow) pack(w []float32, inStride int, bias []float32) {
	for k := range places {
		for i := range n.in {
			n.weights[k*n.in+i] = w[i*inStride+k]
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
	// narrowFrames is how many frames are multiplied and merged at a time where not all are there.
	narrowFrames = 4
)

// ring holds the planes of some rows of the last few frames: [frames][rows][places][line], columns beyond the width are 0.
type ring struct {
	planes       []float32
	frames, rows int
	first        int // row
}

// at is where the planes of a row of a frame begin.
func (r *ring) at(n *narrow, t, h int) int {
	return (t%r.frames*r.rows + h - r.first) * places * n.line
}

func (r *ring) len(n *narrow) int { return r.frames * r.rows * places * n.line }

// clear makes the columns beyond the width 0.
func (r *ring) clear(n *narrow) {
	for at := 0; at < len(r.planes); at += n.line {
		clear(r.planes[at+n.width : at+n.line])
	}
}

type narrowPass int

const (
	narrowBands narrowPass = iota
	narrowMultiply
	narrowMerge
)

type narrowStep struct {
	narrow   *narrow
	dst, src []float32
	pass     narrowPass
	from     int     // frame
	ring     ring    // kept from run to run
	cleared  *narrow // whose ring it is
}

// run computes frames of the destination; a first frame of 0 begins anew.
func (n *narrow) run(p *Pool, dst, src []float32, from, to int) {
	s := &p.narrow
	*s = narrowStep{narrow: n, dst: dst, src: src, ring: s.ring, cleared: s.cleared}
	items := tiles(n.height, narrowRows)
	if from == 0 && to == n.t.Out {
		s.pass = narrowBands
		p.run(items, s)
	} else {
		s.few(p, items, from, to)
	}
	*s = narrowStep{ring: s.ring, cleared: s.cleared}
}

// few computes some frames of the destination.
func (s *narrowStep) few(p *Pool, items, from, to int) {
	n := s.narrow
	if s.cleared != n {
		s.cleared = n
		planes := s.ring.planes
		// Beside those that are merged, one frame before and one after.
		s.ring = ring{frames: narrowFrames + 2, rows: n.height}
		s.ring.planes = grow(planes, s.ring.len(n))
		s.ring.clear(n)
	}
	for from < to {
		upTo := min(from+narrowFrames, to)
		// Frame t needs the source's t-1, t and t+1.
		s.pass, s.from = narrowMultiply, from+min(from, 1)
		p.run(items*(min(upTo+1, n.t.In)-s.from), s)
		s.pass, s.from = narrowMerge, from
		p.run(items*(upTo-from), s)
		from = upTo
	}
}

func (s *narrowStep) do(w *worker, item int) {
	n := s.narrow
	items := tiles(n.height, narrowRows)
	t, from := s.from+item/items, item%items*narrowRows
	to := min(from+narrowRows, n.height)
	switch s.pass {
	case narrowMultiply:
		s.multiply(w, &s.ring, t, from, to)
	case narrowMerge:
		s.merge(w, &s.ring, t, from, to)
	case narrowBands:
		r := ring{frames: Taps, rows: narrowRows + 1, first: from}
		w.planes = grow(w.planes, r.len(n))
		r.planes = w.planes
		if w.cleared != n {
			w.cleared = n
			r.clear(n)
		}
		for t := range n.t.In {
			s.multiply(w, &r, t, from, min(to+1, n.height))
			if t > 0 {
				s.merge(w, &r, t-1, from, to)
			}
		}
		s.merge(w, &r, n.t.In-1, from, to)
	}
}

// multiply computes the planes of a frame's rows from to to.
func (s *narrowStep) multiply(w *worker, r *ring, frame, from, to int) {
	n, t, wide := s.narrow, &w.tile, s.narrow.micro.Channels
	w.rows = grow(w.rows, n.in*n.turned)
	for h := from; h < to; h++ {
		n.turn(w.rows, s.src[(frame*n.height+h)*n.width*n.in:][:n.width*n.in])
		planes := r.planes[r.at(n, frame, h):][:places*n.line]
		t.Src, t.SrcStep, t.WeightStep, t.Taps, t.Bias, t.Slope = n.weights, 1, n.turned, n.taps, n.zeros, 1
		for first := 0; first < n.width; first += wide {
			t.Weights, t.Dst, t.Channels = w.rows[first:], planes[first:], min(wide, n.width-first)
			n.micro.run(t, n.pixels, n.out, n.in)
		}
	}
	*t = Tile{}
}

// turn brings a row of pixels, [width][in], to channels, [in][turned].
func (n *narrow) turn(dst, src []float32) {
	l := n.set.Lanes
	pixels, channels := n.width/l*l, n.in/l*l
	for p := 0; p < pixels; p += l {
		for c := 0; c < channels; c += l {
			n.set.Transpose(dst[c*n.turned+p:], n.turned, src[p*n.in+c:], n.in)
		}
	}
	for p := range n.width {
		from := 0
		if p < pixels {
			from = channels
		}
		for c := from; c < n.in; c++ {
			dst[c*n.turned+p] = src[p*n.in+c]
		}
	}
}

// merge adds up the rows of the destination's frame t that begin with the source's rows from to to.
func (s *narrowStep) merge(w *worker, r *ring, t, from, to int) {
	n := s.narrow
	length := tiles(n.width, n.set.Lanes) * n.set.Lanes
	for row := 2 * from; row < 2*to; row++ {
		h, parity := row/2, row%2
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
					at := r.at(n, frame, h+below) + (kt*Taps+kh)*Taps*n.line
					even = append(even, int32(at+n.line))
					odd = append(odd, int32(at+2*n.line), int32(at+1))
				}
			}
		}
		w.pixels, w.out = even, odd
		dst := s.dst[(t*2*n.height+row)*2*n.width:][:2*n.width]
		if length == n.width {
			n.set.Merge(dst, r.planes, even, odd, n.bias)
		} else {
			w.rows = grow(w.rows, 2*length)
			n.set.Merge(w.rows, r.planes, even, odd, n.bias)
			copy(dst, w.rows)
		}
		if n.slope != 1 {
			for i, v := range dst {
				dst[i] = max(v, n.slope*v)
			}
		}
	}
}
