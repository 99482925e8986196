package kernel

// FusedTail fuses a convolution and the transposed convolution to one channel that follows it. The first convolution's
// result for a few pixels is multiplied by the second's weights while it is in the nearest cache, so the map between
// them, the largest of all, is never stored. It is read-only while it runs, so several Pools may share it.
type FusedTail struct {
	conv         *Conv
	last         *oneChannelConv
	pixelOffsets []int32 // offsets of an item's pixels in a worker's scratch
}

// fusedTailBytes is about how many bytes of products stay in a cache until they are merged.
const fusedTailBytes = 4 << 20

// NewFusedTail fuses first and last, and uses the weights that they are packed with. It returns nil if they do not fit,
// or if fusing gains nothing.
func NewFusedTail(first, last *Conv) *FusedTail {
	if last.oneChannel == nil || last.oneChannel.transposeSource || first.oneChannel != nil ||
		first.DstLen() != last.SrcLen() {
		return nil
	}
	conv := *first
	conv.boxes, conv.items, conv.allTiles = nil, nil, true
	conv.skip = last.UnreadFrames()
	conv.plan()
	t := &FusedTail{conv: &conv, last: last.oneChannel}
	longest := 0
	for _, it := range conv.items {
		longest = max(longest, it.to-it.from)
	}
	for p := range longest {
		t.pixelOffsets = append(t.pixelOffsets, int32(p*conv.out))
	}
	frame := int32(conv.DstLen() / conv.axes[0].Out)
	for i := range conv.boxes {
		b := &conv.boxes[i]
		for _, at := range b.out {
			b.products = append(b.products, at%frame/int32(conv.out)*int32(t.last.productStride))
		}
	}
	return t
}

// Run computes the second convolution's dst from the first one's src, and fills e's sums.
func (t *FusedTail) Run(p *Pool, dst, src []float32, e Errors) {
	c, n := t.conv, t.last
	src, dst = src[:c.SrcLen()], dst[:n.t.Out*4*n.height*n.width]
	frame, frames := t.frame(), c.axes[0].Out
	step := min(max(fusedTailBytes/(4*frame)/2*2, 2), frames)
	p.products = grow(p.products, step*frame)
	for from := c.skip; from < frames; from += step {
		to := min(from+step, frames)
		p.conv = convStep{conv: c, dst: p.products, src: src, first: c.frames[from], frame: from, tail: t}
		p.run(c.frames[to]-c.frames[from], &p.conv)
		p.oneChannel = oneChannelStep{conv: n, dst: dst, products: p.products, from: from, to: to, errors: e}
		p.run(tiles(n.height, bandRows), &p.oneChannel)
	}
	p.conv, p.oneChannel = convStep{}, oneChannelStep{}
}

// frame is the number of values of a frame's products.
func (t *FusedTail) frame() int { return t.last.height * t.last.width * t.last.productStride }

// scratch is a worker's buffer for an item of that many pixels, and the pixels' offsets in it.
func (t *FusedTail) scratch(w *worker, pixels int) ([]float32, []int32) {
	w.scratch = grow(w.scratch, pixels*t.conv.out)
	return w.scratch, t.pixelOffsets[:pixels]
}

// multiply computes the products of an item from the scratch buffer. dst begins with the item's frame.
func (t *FusedTail) multiply(w *worker, it *item, dst []float32) {
	n := t.last
	pixels, out := t.pixelOffsets[:it.to-it.from], it.box.products[it.from:it.to]
	// The groups of the two micro-kernels differ, so the last group may need padding.
	if len(pixels)%n.micro.Pixels != 0 {
		w.pixels, w.out = append(w.pixels[:0], pixels...), append(w.out[:0], out...)
		w.pixels, w.out = fillGroup(w.pixels, n.micro.Pixels), fillGroup(w.out, n.micro.Pixels)
		pixels, out = w.pixels, w.out
	}
	n.multiply(w, dst, w.scratch, pixels, out)
}
