package kernel

import "slices"

const (
	// minItemMACs is the least cost of an item, in multiplications: much more than fetching it from the queue.
	minItemMACs = 1 << 20
	// blockBytes of weights fit into the second-level cache, with room for other data, while an item's pixels pass over
	// them.
	blockBytes = 80 << 10
	// maxItemGroups is the most groups of pixels of an item; with fewer than minItemGroups, weights are fetched too
	// often.
	maxItemGroups, minItemGroups = 32, 8
	// enoughItems is enough for any number of threads; an item may then take two channel tiles of its pixels.
	enoughItems = 128
	// packBlock is how many input channels one thread packs at a time, packInputs how many of them are gathered
	// together. maxMicroChannels is the most channels of a micro-kernel.
	packBlock, packInputs, maxMicroChannels = 32, 4, 64
)

// Conv is a 3x3x3 convolution or transposed convolution with padding 1 between two fixed shapes, followed by a bias and
// LeakyReLU. Source and destination are [T][H][W][C], row-major. It is read-only while it runs, so several Pools may
// share it.
type Conv struct {
	axes       [3]Axis // T, H, W
	in, out    int     // channels
	slope      float32
	micro      *Micro
	packed     []float32 // [tiles][phases of T, H, W][kernel rows][in][micro.Channels]
	bias       []float32 // padded to whole tiles
	rows       int       // weight rows of a tile
	boxes      []box
	items      []item          // sorted by output frame, then by position in the source
	frames     []int           // the first item of each frame, then the number of items
	oneChannel *oneChannelConv // set if there is one output channel; replaces the fields from micro on
	allTiles   bool            // an item has all channel tiles of its pixels
	skip       int             // frames of the output that are skipped
}

// box is a part of the output whose outputs all have the same taps.
type box struct {
	size     [3]int // outputs in T, H, W
	src, dst int    // offsets of the first
	srcStep  [3]int
	dstStep  [3]int
	blocks   [][]Tap // in summation order
	// The output frames are firstFrame, firstFrame+frameStep, …
	firstFrame, frameStep int
	// The source and destination offsets of each output, row-major, in whole groups of the micro-kernel for each frame.
	pixels, out []int32
	products    []int32 // of a FusedTail: offsets of the pixels' products in their frame
}

// item is a unit of work: pixels from to to of a box, all in one frame, and channel tiles tileFrom to tileTo.
type item struct {
	box              *box
	frame            int // of the output
	from, to         int
	tileFrom, tileTo int
}

// NewConv plans a convolution whose axes (T, H, W) are all ConvAxis or all TransposedConvAxis. slope is LeakyReLU's, 1
// for none. Pack must be called before Run.
func NewConv(set *Set, axes [3]Axis, in, out int, slope float32) *Conv {
	c := &Conv{axes: axes, in: in, out: out, slope: slope, micro: set.micro(out)}
	if c.oneChannel = newOneChannelConv(set, axes, in, out, slope); c.oneChannel != nil {
		return c
	}
	// The phases partition the kernel, so every tile has each tap once.
	c.rows = Taps * Taps * Taps * in
	n := tiles(out, c.micro.Channels)
	c.packed = make([]float32, n*c.rows*c.micro.Channels)
	c.bias = make([]float32, n*c.micro.Channels)
	c.plan()
	return c
}

// SrcLen is the number of values of the source.
func (c *Conv) SrcLen() int { return c.axes[0].In * c.axes[1].In * c.axes[2].In * c.in }

// DstLen is the number of values of the destination.
func (c *Conv) DstLen() int { return c.axes[0].Out * c.axes[1].Out * c.axes[2].Out * c.out }

// SkipFrames makes later runs skip that many frames at the start of the destination. Their values stay unchanged, and
// source frames that only they depend on are not read.
func (c *Conv) SkipFrames(frames int) {
	c.skip = frames
	if c.oneChannel != nil {
		c.oneChannel.skip = frames
	}
}

// UnreadFrames is the number of frames at the start of the source that no run reads, because of SkipFrames.
func (c *Conv) UnreadFrames() int { return c.axes[0].inputsBefore(c.skip) }

// MACs is the number of multiplications of a run; taps on padding and idle lanes are not counted.
func (c *Conv) MACs() int {
	if c.oneChannel != nil {
		return c.oneChannel.macs()
	}
	n := 0
	for i := range c.boxes {
		b := &c.boxes[i]
		for t := range b.size[0] {
			if b.firstFrame+t*b.frameStep >= c.skip {
				n += b.size[1] * b.size[2] * c.out * b.rows()
			}
		}
	}
	return n
}

func (b *box) rows() int {
	n := 0
	for _, block := range b.blocks {
		n += blockRows(block)
	}
	return n
}

// Pack sets the weights: output channel o and input channel i meet in w[o·outStride + i·inStride + k], where k counts
// the kernel's 27 positions row-major. bias is [out]; nil is zero.
func (c *Conv) Pack(w []float32, outStride, inStride int, bias []float32) {
	c.PackParallel(nil, w, outStride, inStride, bias)
}

// PackParallel is Pack on the threads of a Pool; nil packs on the caller's goroutine.
func (c *Conv) PackParallel(p *Pool, w []float32, outStride, inStride int, bias []float32) {
	if c.oneChannel != nil {
		c.oneChannel.pack(w, inStride, bias)
		return
	}
	// The first row of each kernel position in a tile; a row has one input channel.
	var row [Taps * Taps * Taps]int
	at := 0
	c.eachPhase(func(pt, ph, pw *phase) {
		for _, kt := range pt.kernel {
			for _, kh := range ph.kernel {
				for _, kw := range pw.kernel {
					row[(kt*Taps+kh)*Taps+kw] = at
					at += c.in
				}
			}
		}
	})
	wide := c.micro.Channels
	blocks := tiles(c.in, packBlock)
	// The kernel positions are powers of two apart and would compete for few cache sets, so a few inputs at a time are
	// gathered in a local buffer.
	pack := func(item int) {
		first, from := item/blocks*wide, item%blocks*packBlock
		to := min(from+packBlock, c.in)
		packed := c.packed[first*c.rows:][:c.rows*wide]
		var near [len(row)][packInputs*maxMicroChannels + 16]float32
		for i := from; i < to; i += packInputs {
			inputs := min(packInputs, to-i)
			for o := range min(wide, c.out-first) {
				for n := range inputs {
					weights, at := w[(first+o)*outStride+(i+n)*inStride:][:len(row)], n*wide+o
					for k, v := range weights {
						near[k][at] = v
					}
				}
			}
			for k, at := range row {
				copy(packed[(at+i)*wide:][:inputs*wide], near[k][:])
			}
		}
	}
	clear(c.bias)
	copy(c.bias, bias)
	items := tiles(c.out, wide) * blocks
	if p == nil {
		for item := range items {
			pack(item)
		}
		return
	}
	p.Each(items, pack)
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

// plan splits the output into boxes and these into items. Items that are close in space run close in time, so that the
// next item finds its source in the cache.
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
	for i := range c.boxes {
		c.split(&c.boxes[i])
	}
	slices.SortStableFunc(c.items, func(a, b item) int {
		if a.frame != b.frame {
			return a.frame - b.frame
		}
		return int(a.box.pixels[a.from] - b.box.pixels[b.from])
	})
	c.frames = make([]int, c.axes[0].Out+1)
	for _, it := range c.items {
		c.frames[it.frame+1]++
	}
	for t := range c.axes[0].Out {
		c.frames[t+1] += c.frames[t]
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
	b.firstFrame, b.frameStep = ph[0].start+segs[0].from*ph[0].step, ph[0].step
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

// split divides a box into items. With few pixels per item, weights would be fetched from a distant cache too often;
// with many, threads would be idle.
func (c *Conv) split(b *box) {
	group := c.micro.Pixels
	all, work := tiles(c.out, c.micro.Channels), max(b.rows(), 1)
	area := b.size[1] * b.size[2]
	pixels := min(maxItemGroups*group, max(minItemGroups*group, area*b.size[0]/16))
	pixels = max(pixels, minItemMACs/(work*c.out))
	// Equal parts of a frame, in whole groups.
	pixels = tiles(tiles(area, tiles(area, pixels)), group) * group
	wide := min(max(minItemMACs/(work*pixels*c.micro.Channels), 1), all)
	switch {
	case c.allTiles:
		wide = all
	case tiles(area, pixels)*b.size[0] >= enoughItems:
		wide = min(all, 2)
	}
	for t := range b.size[0] {
		first := len(b.pixels)
		b.frame(t, group)
		for from := first; from < len(b.pixels); from += pixels {
			for tile := 0; tile < all; tile += wide {
				it := item{box: b, frame: b.firstFrame + t*b.frameStep, tileFrom: tile, tileTo: min(tile+wide, all)}
				it.from, it.to = from, min(from+pixels, len(b.pixels))
				c.items = append(c.items, it)
			}
		}
	}
}

// frame appends the source and destination offsets of the pixels of the box's frame t, padded to whole groups.
func (b *box) frame(t, group int) {
	for h := range b.size[1] {
		for w := range b.size[2] {
			b.pixels = append(b.pixels, int32(b.src+t*b.srcStep[0]+h*b.srcStep[1]+w*b.srcStep[2]))
			b.out = append(b.out, int32(b.dst+t*b.dstStep[0]+h*b.dstStep[1]+w*b.dstStep[2]))
		}
	}
	b.pixels, b.out = fillGroup(b.pixels, group), fillGroup(b.out, group)
}

// fillGroup repeats the last entry until the list consists of whole groups.
func fillGroup(list []int32, group int) []int32 {
	for len(list)%group != 0 {
		list = append(list, list[len(list)-1])
	}
	return list
}

// Run computes dst from src. Values beyond SrcLen and DstLen are not touched.
func (c *Conv) Run(p *Pool, dst, src []float32) {
	dst, src = dst[:c.DstLen()], src[:c.SrcLen()]
	if c.oneChannel != nil {
		c.oneChannel.run(p, dst, src, Errors{})
		return
	}
	p.conv = convStep{conv: c, dst: dst, src: src, first: c.frames[c.skip]}
	p.run(len(c.items)-p.conv.first, &p.conv)
	p.conv = convStep{}
}

// RunErrors is Run, and fills e's sums. The convolution must be a network's last layer: one output channel, and stride
// 2 in height and width.
func (c *Conv) RunErrors(p *Pool, dst, src []float32, e Errors) {
	c.oneChannel.run(p, dst[:c.DstLen()], src[:c.SrcLen()], e)
}

type convStep struct {
	conv     *Conv
	dst, src []float32
	first    int        // item
	tail     *FusedTail // if set, dst holds its products, beginning with those of frame
	frame    int
}

func (s *convStep) do(w *worker, n int) {
	c, it := s.conv, &s.conv.items[s.first+n]
	b := it.box
	t := &w.tile
	wide := c.micro.Channels
	t.Src, t.SrcStep, t.WeightStep = s.src, 1, wide
	dst, out := s.dst, b.out[it.from:it.to]
	if s.tail != nil {
		dst, out = s.tail.scratch(w, len(out))
	}
	// Block by block, so that the channel tiles share a block's source values while these are in the cache.
	for i, block := range b.blocks {
		rows := blockRows(block)
		t.Taps, t.Slope = block, 1
		if i == len(b.blocks)-1 {
			t.Slope = c.slope
		}
		for tile := it.tileFrom; tile < it.tileTo; tile++ {
			first := tile * wide
			t.Weights, t.Dst = c.packed[tile*c.rows*wide:][:c.rows*wide], dst[first:]
			t.Channels, t.Bias = min(wide, c.out-first), nil
			if i == 0 {
				t.Bias = c.bias[first:][:wide]
			}
			c.micro.run(t, b.pixels[it.from:it.to], out, rows)
		}
	}
	if s.tail != nil {
		s.tail.multiply(w, it, s.dst[(it.frame-s.frame)*s.tail.frame():])
	}
	w.tile = Tile{}
}

func blockRows(block []Tap) int {
	n := 0
	for _, t := range block {
		n += t.Len
	}
	return n
}
