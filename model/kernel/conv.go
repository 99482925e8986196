package kernel

import "slices"

const (
	// maxPixels bounds the offsets that a worker holds, and with them an item.
	maxPixels = 1024
	// itemWork is what an item should cost, in multiplications: long against taking it, short against a layer.
	itemWork = 1 << 20
	// blockBytes of weights stay in the second-level cache while the pixels of an item pass over them.
	blockBytes = 160 << 10
)

// Conv is a 3x3x3 convolution or transposed convolution with padding 1 between two fixed shapes, followed by a bias and
// LeakyReLU. Source and destination are [T][H][W][C], row-major. It is read-only while it runs: several Pools may share it.
type Conv struct {
	axes    [3]Axis // T, H, W
	in, out int     // channels
	slope   float32
	micro   *Micro
	packed  []float32 // [tiles][phases of T, H, W][kernel rows][in][micro.Channels]
	bias    []float32 // padded to whole tiles
	rows    int       // weight rows of a tile
	boxes   []box
	items   []item
}

// box is a part of the output whose outputs all have the same taps.
type box struct {
	size     [3]int // outputs in T, H, W
	src, dst int    // offsets of the first
	srcStep  [3]int
	dstStep  [3]int
	blocks   [][]Tap // in the order in which they are summed
}

func (b *box) pixels() int { return b.size[0] * b.size[1] * b.size[2] }

// item is one worker's piece: pixels from to to of a box, row-major, and channel tiles tileFrom to tileTo.
type item struct {
	box              *box
	from, to         int
	tileFrom, tileTo int
}

// NewConv plans a convolution whose axes (T, H, W) are all Down or all Up. slope is LeakyReLU's, 1 for none. Pack must
// be called before Run.
func NewConv(set *Set, axes [3]Axis, in, out int, slope float32) *Conv {
	c := &Conv{axes: axes, in: in, out: out, slope: slope, micro: set.micro(out)}
	// The phases partition the kernel, so every tile has each tap once.
	c.rows = Taps * Taps * Taps * in
	n := tiles(out, c.micro.Channels)
	c.packed = make([]float32, n*c.rows*c.micro.Channels)
	c.bias = make([]float32, n*c.micro.Channels)
	c.plan()
	return c
}

// SrcLen is the number of values of the source, DstLen of the destination.
func (c *Conv) SrcLen() int { return c.axes[0].In * c.axes[1].In * c.axes[2].In * c.in }

// DstLen is the number of values of the destination.
func (c *Conv) DstLen() int { return c.axes[0].Out * c.axes[1].Out * c.axes[2].Out * c.out }

// Work is the number of multiplications that a run needs, taps on padding and idle lanes not counted.
func (c *Conv) Work() int {
	n := 0
	for i := range c.boxes {
		n += c.boxes[i].pixels() * c.out * c.boxes[i].rows()
	}
	return n
}

func (b *box) rows() int {
	n := 0
	for _, block := range b.blocks {
		for _, t := range block {
			n += t.Len
		}
	}
	return n
}

// Pack takes new weights: channel o of the output and i of the input meet in w[o·outStride + i·inStride + k], where k
// counts the kernel's 27 positions row-major. bias is [out]; nil is zero.
func (c *Conv) Pack(w []float32, outStride, inStride int, bias []float32) {
	at := 0
	for first := 0; first < c.out; first += c.micro.Channels {
		have := min(c.micro.Channels, c.out-first)
		c.eachPhase(func(pt, ph, pw *phase) {
			for _, kt := range pt.kernel {
				for _, kh := range ph.kernel {
					for _, kw := range pw.kernel {
						k := (kt*Taps+kh)*Taps + kw
						for i := range c.in {
							row := c.packed[at:][:c.micro.Channels]
							for o := range have {
								row[o] = w[(first+o)*outStride+i*inStride+k]
							}
							at += c.micro.Channels
						}
					}
				}
			}
		})
	}
	clear(c.bias)
	copy(c.bias, bias)
}

// eachPhase visits the phases of T, H and W in the order of the packed weights.
func (c *Conv) eachPhase(visit func(pt, ph, pw *phase)) {
	for t := range c.axes[0].phases {
		for h := range c.axes[1].phases {
			for w := range c.axes[2].phases {
				visit(&c.axes[0].phases[t], &c.axes[1].phases[h], &c.axes[2].phases[w])
			}
		}
	}
}

// plan splits the output into boxes, the largest first, and these into items.
func (c *Conv) plan() {
	start := map[[3]*phase]int{}
	row := 0
	c.eachPhase(func(pt, ph, pw *phase) {
		start[[3]*phase{pt, ph, pw}] = row
		row += len(pt.kernel) * len(ph.kernel) * len(pw.kernel) * c.in
	})
	for _, st := range c.axes[0].segments() {
		for _, sh := range c.axes[1].segments() {
			for _, sw := range c.axes[2].segments() {
				segs := [3]segment{st, sh, sw}
				var ph [3]*phase
				for d := range ph {
					ph[d] = &c.axes[d].phases[segs[d].phase]
				}
				c.boxes = append(c.boxes, c.box(segs, ph, start[ph]))
			}
		}
	}
	slices.SortStableFunc(c.boxes, func(a, b box) int { return b.pixels() - a.pixels() })
	for i := range c.boxes {
		c.split(&c.boxes[i])
	}
}

func (c *Conv) box(segs [3]segment, ph [3]*phase, firstRow int) box {
	var b box
	in := [3]int{c.axes[1].In * c.axes[2].In * c.in, c.axes[2].In * c.in, c.in}
	out := [3]int{c.axes[1].Out * c.axes[2].Out * c.out, c.axes[2].Out * c.out, c.out}
	for d, s := range segs {
		b.size[d] = s.to - s.from
		b.srcStep[d] = ph[d].inStep * in[d]
		b.dstStep[d] = ph[d].step * out[d]
		b.src += s.from * b.srcStep[d]
		b.dst += ph[d].start*out[d] + s.from*b.dstStep[d]
	}
	limit := blockBytes / 4 / c.micro.Channels
	var block []Tap
	rows := 0
	for t := segs[0].lo; t < segs[0].hi; t++ {
		for h := segs[1].lo; h < segs[1].hi; h++ {
			tap := Tap{
				Src:    (ph[0].first+t)*in[0] + (ph[1].first+h)*in[1] + (ph[2].first+segs[2].lo)*in[2],
				Weight: firstRow + ((t*len(ph[1].kernel)+h)*len(ph[2].kernel)+segs[2].lo)*c.in,
				Len:    (segs[2].hi - segs[2].lo) * c.in,
			}
			if rows+tap.Len > limit && len(block) > 0 {
				b.blocks = append(b.blocks, block)
				block, rows = nil, 0
			}
			block = append(block, tap)
			rows += tap.Len
		}
	}
	b.blocks = append(b.blocks, block)
	return b
}

func (c *Conv) split(b *box) {
	all, work := tiles(c.out, c.micro.Channels), max(b.rows(), 1)
	// Few pixels an item would fetch the weights too often, so the channels give way first.
	pixels := max(itemWork/(work*c.out), 8*c.micro.Pixels)
	pixels = min(pixels/c.micro.Pixels*c.micro.Pixels, maxPixels/c.micro.Pixels*c.micro.Pixels)
	wide := min(max(itemWork/(work*pixels*c.micro.Channels), 1), all)
	for tile := 0; tile < all; tile += wide {
		for from := 0; from < b.pixels(); from += pixels {
			c.items = append(c.items, item{b, from, min(from+pixels, b.pixels()), tile, min(tile+wide, all)})
		}
	}
}

// Run computes dst from src. Values beyond SrcLen and DstLen are not touched.
func (c *Conv) Run(p *Pool, dst, src []float32) {
	p.conv = convStep{conv: c, dst: dst[:c.DstLen()], src: src[:c.SrcLen()]}
	p.run(len(c.items), &p.conv)
	p.conv = convStep{}
}

type convStep struct {
	conv     *Conv
	dst, src []float32
}

func (s *convStep) do(w *worker, n int) {
	c, it := s.conv, &s.conv.items[n]
	pixels := it.to - it.from
	it.box.offsets(it.from, w.pixels[:pixels], w.out[:pixels])
	t := &w.tile
	t.Src = s.src
	wide := c.micro.Channels
	for tile := it.tileFrom; tile < it.tileTo; tile++ {
		first := tile * wide
		t.Weights = c.packed[tile*c.rows*wide:][:c.rows*wide]
		t.Channels = min(wide, c.out-first)
		t.Dst = s.dst[first:]
		for i, block := range it.box.blocks {
			t.Taps, t.Bias, t.Slope = block, nil, 1
			if i == 0 {
				t.Bias = c.bias[first:][:wide]
			}
			if i == len(it.box.blocks)-1 {
				t.Slope = c.slope
			}
			for from := 0; from < pixels; from += c.micro.Pixels {
				to := min(from+c.micro.Pixels, pixels)
				t.Pixels, t.Out = w.pixels[from:to], w.out[from:to]
				c.micro.Run(t)
			}
		}
	}
	w.tile = Tile{}
}

// offsets fills in where the box's pixels from, from+1, … lie in the source and in the destination.
func (b *box) offsets(from int, src, dst []int) {
	w := from % b.size[2]
	h := from / b.size[2] % b.size[1]
	t := from / b.size[2] / b.size[1]
	for i := range src {
		src[i] = b.src + t*b.srcStep[0] + h*b.srcStep[1] + w*b.srcStep[2]
		dst[i] = b.dst + t*b.dstStep[0] + h*b.dstStep[1] + w*b.dstStep[2]
		if w++; w == b.size[2] {
			w = 0
			if h++; h == b.size[1] {
				h = 0
				t++
			}
		}
	}
}
