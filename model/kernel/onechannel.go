package kernel

// A transposed convolution to one channel would leave a tile's channels idle. Instead, each source pixel is multiplied
// by the weights of all 27 kernel positions, and the products are added to the output pixels that they belong to.
//
//	planes[k][w] = Σ over channels: src[t][h][w] · weights[k]      for a row of pixels
//	dst[t+…][2h+…][2w+…] = bias + Σ of the planes that meet there  a source frame contributes to 3 frames
//
// With at least 27 channels, a tile's channels are the kernel positions and its products are transposed. With fewer, a
// row of the source is transposed, the tile's channels are pixels of that row and its pixels are kernel positions.
//
// A thread processes a band of rows through all frames. It also computes the planes of the row below its band, which
// the next band computes again.

const kernelPositions = Taps * Taps * Taps

// oneChannelConv is the plan of such a convolution. Height and width have stride 2, time has stride 1.
type oneChannelConv struct {
	set             *Set
	t               Axis
	height          int // of the source
	width           int
	in              int
	transposeSource bool // fewer channels than kernel positions
	micro           *Micro
	weights         []float32 // [tiles][in][micro.Channels], or with transposeSource [kernelPositions][in]
	zeros           []float32
	bias            float32
	slope           float32
	skip            int // frames of the destination that are skipped
	productStride   int // products per pixel: the kernel positions in whole lanes
	planeStride     int // values per plane: the width in whole lanes, then zeros
	sourceStride    int // values per channel of a transposed row: the width in whole tiles
	// Offsets of a row's pixels and of their products; with transposeSource, of the weights of the kernel positions and
	// of their planes.
	pixels []int32
	out    []int32
	taps   []Tap
}

// newOneChannelConv returns nil if the convolution is of another kind.
func newOneChannelConv(set *Set, axes [3]Axis, in, out int, slope float32) *oneChannelConv {
	for _, a := range axes[1:] {
		if len(a.phases) != 2 {
			return nil
		}
	}
	if out != 1 || len(axes[0].phases) != 1 || axes[0].phases[0].inStep != 1 {
		return nil
	}
	n := &oneChannelConv{
		set: set, t: axes[0], height: axes[1].In, width: axes[2].In, in: in, slope: slope,
		transposeSource: in < kernelPositions,
		taps:            []Tap{{Len: in}},
	}
	n.productStride = tiles(kernelPositions, set.Lanes) * set.Lanes
	n.planeStride = (tiles(n.width, set.Lanes) + 1) * set.Lanes
	if n.transposeSource {
		n.micro = set.micro(n.width)
		n.sourceStride = tiles(n.width, n.micro.Channels) * n.micro.Channels
		n.weights = make([]float32, kernelPositions*in)
		for k := range kernelPositions {
			n.pixels, n.out = append(n.pixels, int32(k*in)), append(n.out, int32(k*n.planeStride))
		}
	} else {
		n.micro = set.micro(kernelPositions)
		n.weights = make([]float32, tiles(kernelPositions, n.micro.Channels)*in*n.micro.Channels)
		for p := range n.width {
			n.pixels, n.out = append(n.pixels, int32(p*in)), append(n.out, int32(p*n.productStride))
		}
	}
	n.zeros = make([]float32, n.micro.Channels)
	n.pixels, n.out = fillGroup(n.pixels, n.micro.Pixels), fillGroup(n.out, n.micro.Pixels)
	return n
}

func (n *oneChannelConv) pack(w []float32, inStride int, bias []float32) {
	channels := n.micro.Channels
	for k := range kernelPositions {
		if n.transposeSource {
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

// macs is the number of multiplications with real values.
func (n *oneChannelConv) macs() int {
	met := (3*n.height - 1) * (3*n.width - 1) * n.in
	frames := 0
	for _, s := range n.t.segments() {
		frames += max(s.to-max(s.from, n.skip), 0) * (s.hi - s.lo)
	}
	return frames * met
}

// multiply computes the products of pixels of src: [kernelPositions], at the start of every productStride values of
// dst.
func (n *oneChannelConv) multiply(w *worker, dst, src []float32, pixels, out []int32) {
	t, channels := &w.tile, n.micro.Channels
	t.Src, t.SrcStep, t.WeightStep, t.Taps, t.Bias, t.Slope = src, 1, channels, n.taps, n.zeros, 1
	for first := 0; first < kernelPositions; first += channels {
		t.Weights, t.Dst, t.Channels = n.weights[first*n.in:][:n.in*channels], dst[first:],
			min(channels, kernelPositions-first)
		n.micro.run(t, pixels, out, n.in)
	}
	*t = Tile{}
}

// bandRows is the number of source rows of a band.
const bandRows = 8

type oneChannelStep struct {
	conv *oneChannelConv
	dst  []float32
	// Either the source, or the products of the frames from on: [frames][height][width][productStride].
	src, products []float32
	from, to      int // frames of the source
	errors        Errors
}

// run computes the destination, and e's sums.
func (n *oneChannelConv) run(p *Pool, dst, src []float32, e Errors) {
	p.oneChannel = oneChannelStep{conv: n, dst: dst, src: src, from: n.t.inputsBefore(n.skip), to: n.t.In, errors: e}
	p.run(tiles(n.height, bandRows), &p.oneChannel)
	p.oneChannel = oneChannelStep{}
}

func (s *oneChannelStep) do(w *worker, band int) {
	n := s.conv
	from := band * bandRows
	to := min(from+bandRows, n.height)
	w.planes = grow(w.planes, 2*n.productStride*n.planeStride)
	if w.cleared != n {
		w.cleared = n
		for at := 0; at < len(w.planes); at += n.planeStride {
			clear(w.planes[at+n.width : at+n.planeStride])
		}
	}
	for t := s.from; t < s.to; t++ {
		s.fillPlanes(w, t, from)
		for h := from; h < to; h++ {
			if h+1 < n.height {
				s.fillPlanes(w, t, h+1)
			}
			s.merge(w, t, h)
			s.finishRows(t, h)
		}
	}
}

// planeOffset is the offset of the planes of a row; the planes of two rows are kept.
func (n *oneChannelConv) planeOffset(h int) int { return h % 2 * n.productStride * n.planeStride }

// fillPlanes computes the planes of a row, [productStride][planeStride].
func (s *oneChannelStep) fillPlanes(w *worker, t, h int) {
	n := s.conv
	planes := w.planes[n.planeOffset(h):][:n.productStride*n.planeStride]
	if s.products != nil {
		n.transpose(planes, n.planeStride, s.products[((t-s.from)*n.height+h)*n.width*n.productStride:],
			n.productStride)
		return
	}
	src := s.src[(t*n.height+h)*n.width*n.in:][:n.width*n.in]
	if !n.transposeSource {
		w.rows = grow(w.rows, n.width*n.productStride)
		n.multiply(w, w.rows, src, n.pixels, n.out)
		n.transpose(planes, n.planeStride, w.rows, n.productStride)
		return
	}
	w.rows = grow(w.rows, n.in*n.sourceStride)
	n.transpose(w.rows, n.sourceStride, src, n.in)
	tile, wide := &w.tile, n.micro.Channels
	tile.Src, tile.SrcStep, tile.WeightStep, tile.Taps, tile.Bias, tile.Slope = n.weights, 1, n.sourceStride,
		n.taps, n.zeros, 1
	for first := 0; first < n.width; first += wide {
		tile.Weights, tile.Dst, tile.Channels = w.rows[first:], planes[first:], min(wide, n.width-first)
		n.micro.run(tile, n.pixels, n.out, n.in)
	}
	*tile = Tile{}
}

// transpose copies a row of pixels, [width][values], to [values][dstStep].
func (n *oneChannelConv) transpose(dst []float32, dstStep int, src []float32, values int) {
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

// merge adds the contributions of row h of source frame t to the rows 2h and 2h+1 of the frames around t.
func (s *oneChannelStep) merge(w *worker, t, h int) {
	n := s.conv
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
			// An even row depends on its own source row through the kernel's middle, an odd one also on the next row.
			for below := range 1 + parity {
				if kh := 1 + parity - 2*below; h+below < n.height {
					at := n.planeOffset(h+below) + (kt*Taps+kh)*Taps*n.planeStride
					even = append(even, int32(at+n.planeStride))
					odd = append(odd, int32(at+2*n.planeStride), int32(at+1))
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

// finishRows applies LeakyReLU and sums the errors of the two rows made from source row h, in the frames to which no
// later source frame contributes.
func (s *oneChannelStep) finishRows(t, h int) {
	n, ph := s.conv, &s.conv.t.phases[0]
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
