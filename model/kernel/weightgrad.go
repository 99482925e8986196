package kernel

// WeightGrad is the gradient of the weights of a (transposed) 3x3x3 convolution. Either kind relates a large map to a
// small one: position j of the small map meets position stride·j + k - 1 of the large one at kernel position k.
//
//	dW[s][l][k] = Σ over clips, over j: small[j][s] · large[stride·j + k - 1][l]
//
// A convolution's large map is its input, and its small map the gradient of its output; for a transposed convolution it
// is the other way round. In both cases dW has PyTorch's layout of the weights.
//
// It is the package's small product with exchanged roles: a tile's "pixels" are channels l of the large map, its
// channels are those of the small map, and its taps are rows of the maps, traversed pixel by pixel. The order in which
// an element of dW is summed depends on the shape alone.
type WeightGrad struct {
	axes         [3]Axis // T, H, W, from the large to the small map
	stride       [3]int
	large, small int // channels
	micro        *Micro
	pixels       int  // of a clip of the small map
	direct       bool // the small map is used in place instead of packed into tiles
	zeros        []float32
	// not bordered
	channels     []int32 // l = 0, 1, …
	spans        [3][Taps]span
	frames       int // of a chunk
	parts        int // of channels
	partChannels int // channels per part
	sumStride    int // the small map's channels in whole tiles
	// Bordered maps have so few channels that a tile's pixels are pairs of kernel position and channel. The map is
	// copied with a border of zeros.
	bordered  bool
	positions []int32 // offset in the copy for each (k, l)
	out       []int32 // offsets of the sums of a tile's pixels, in both cases
}

const (
	// gradBlockPixels is about how many pixels of the small map a block has.
	gradBlockPixels = 64
	// gradChunkPixels is about how many pixels a chunk has. Summing per chunk preserves low bits that a single long sum
	// loses.
	gradChunkPixels = 4096
	// maxGradChunks is the most chunks whose sums are kept at a time.
	maxGradChunks = 16
	// minGradItems is the least number of items, maxGradGroups the most groups of channels per item.
	minGradItems, maxGradGroups = 8, 8
	// minLargeChannels is the least number of channels of the large map that keeps a tile's pixels from being idle.
	minLargeChannels = 8
)

// NewWeightGrad plans the gradient between maps with the given axes, all of them ConvAxis from the large map to the
// small one.
func NewWeightGrad(set *Set, axes [3]Axis, large, small int) *WeightGrad {
	g := &WeightGrad{
		axes: axes, large: large, small: small, micro: set.micro(small),
		bordered: large < minLargeChannels,
	}
	for d := range axes {
		g.stride[d] = axes[d].phases[0].inStep
	}
	g.pixels = axes[0].Out * axes[1].Out * axes[2].Out
	g.direct = small == g.micro.Channels || g.bordered && small%g.micro.Channels == 0
	g.zeros = make([]float32, g.micro.Channels)
	all, group := tiles(small, g.micro.Channels), g.micro.Pixels
	if g.bordered {
		for k := range Taps * Taps * Taps {
			t, h, w := k/9, k/3%3, k%3
			at := (t*(axes[1].In+2)+h)*(axes[2].In+2) + w
			for l := range large {
				g.positions = append(g.positions, int32(at*large+l))
				g.out = append(g.out, int32((k*large+l)*g.micro.Channels))
			}
		}
		g.positions, g.out = fillGroup(g.positions, group), fillGroup(g.out, group)
		return g
	}
	for d := range axes {
		for k := range Taps {
			g.spans[d][k] = g.span(d, k)
		}
	}
	g.sumStride = all * g.micro.Channels
	for l := range large {
		g.channels = append(g.channels, int32(l))
	}
	g.channels = fillGroup(g.channels, group)
	g.frames = max(gradChunkPixels/(axes[1].Out*axes[2].Out), 1)
	groups := len(g.channels) / group
	g.partChannels = min(max(groups*tiles(axes[0].Out, g.frames)/minGradItems, 1), maxGradGroups) * group
	g.parts = tiles(len(g.channels), g.partChannels)
	for l := range g.partChannels {
		g.out = append(g.out, int32(l*g.sumStride))
	}
	return g
}

// Len is the number of values of dW.
func (g *WeightGrad) Len() int { return g.small * g.large * Taps * Taps * Taps }

// MACs is the number of multiplications per clip, without those with the zeros around the map.
func (g *WeightGrad) MACs() int {
	n := g.small * g.large
	for _, a := range g.axes {
		met := 0
		for _, s := range a.segments() {
			met += (s.to - s.from) * (s.hi - s.lo)
		}
		n *= met
	}
	return n
}

// Run writes dW for the clips in large, [clips][T][H][W][large channels], and small, likewise.
func (g *WeightGrad) Run(p *Pool, dW, large, small []float32, clips int) {
	s := &p.weights
	*s = gradStep{
		grad: g, dW: dW[:g.Len()], clips: clips, large: large, small: small,
		copied: s.copied, packed: s.packed, partial: s.partial,
	}
	all, wide := tiles(g.small, g.micro.Channels), g.micro.Channels
	if !g.direct {
		s.packed = grow(s.packed, clips*all*wide*g.pixels)
		s.pass = gradPack
		p.run(clips*g.axes[0].Out, s)
	}
	if !g.bordered {
		chunks := tiles(clips*g.axes[0].Out, g.frames)
		s.partial = grow(s.partial, min(chunks, maxGradChunks)*g.parts*g.partLen())
		for s.firstChunk = 0; s.firstChunk < chunks; s.firstChunk += maxGradChunks {
			s.chunks = min(maxGradChunks, chunks-s.firstChunk)
			s.pass = gradMultiply
			p.run(s.chunks*g.parts, s)
			s.pass = gradCollect
			p.run(g.large, s)
		}
	} else {
		s.copied = grow(s.copied, clips*g.volume())
		s.partial = grow(s.partial, g.axes[0].Out*all*len(g.out)*wide)
		s.pass = gradCopy
		p.run(clips*(g.axes[0].In+2), s)
		s.pass = gradBordered
		p.run(g.axes[0].Out, s)
		s.gather()
	}
	*s = gradStep{copied: s.copied, packed: s.packed, partial: s.partial}
}

// volume is the number of values of a clip of the large map with its border.
func (g *WeightGrad) volume() int {
	return (g.axes[0].In + 2) * (g.axes[1].In + 2) * (g.axes[2].In + 2) * g.large
}

type gradPass int

const (
	gradPack gradPass = iota
	gradMultiply
	gradCollect
	gradCopy
	gradBordered
)

type gradStep struct {
	grad             *WeightGrad
	pass             gradPass
	clips            int
	dW, large, small []float32
	firstChunk       int // first chunk whose sums are in partial
	chunks           int
	// Reused between runs.
	copied  []float32 // [clips][T+2][H+2][W+2][large]
	packed  []float32 // [clips][tiles][pixels][micro.Channels]
	partial []float32 // [items] of the sums of one: [27][step][wide], bordered [tiles][(k, l)][micro.Channels]
}

func (s *gradStep) do(w *worker, item int) {
	switch s.pass {
	case gradPack:
		s.pack(item)
	case gradMultiply:
		s.multiply(w, item)
	case gradCollect:
		s.collect(item)
	case gradCopy:
		s.border(item)
	case gradBordered:
		s.multiplyBordered(w, item)
	}
}

// pack copies a frame of the small map into channel tiles.
func (s *gradStep) pack(item int) {
	g, wide := s.grad, s.grad.micro.Channels
	clip, area := item/g.axes[0].Out, g.axes[1].Out*g.axes[2].Out
	from := item % g.axes[0].Out * area
	all := tiles(g.small, wide)
	for tile := range all {
		have := min(wide, g.small-tile*wide)
		to := s.packed[((clip*all+tile)*g.pixels+from)*wide:]
		for p := range area {
			row := to[p*wide:][:wide]
			clear(row[copy(row, s.small[(clip*g.pixels+from+p)*g.small+tile*wide:][:have]):])
		}
	}
}

// weights returns a clip of a channel tile of the small map, and the distance between its pixels.
func (s *gradStep) weights(clip, tile int) (weights []float32, step int) {
	g, wide := s.grad, s.grad.micro.Channels
	if g.direct {
		return s.small[clip*g.pixels*g.small+tile*wide:], g.small
	}
	return s.packed[(clip*tiles(g.small, wide)+tile)*g.pixels*wide:], wide
}

// border copies a frame of the large map with its border; the zeros before the first and after the last frame count as
// frames.
func (s *gradStep) border(item int) {
	g := s.grad
	clip, t := item/(g.axes[0].In+2), item%(g.axes[0].In+2)
	height, width := g.axes[1].In, g.axes[2].In*g.large
	line := width + 2*g.large
	plane := (height + 2) * line
	to := s.copied[clip*g.volume()+t*plane:][:plane]
	clear(to)
	if t == 0 || t > g.axes[0].In {
		return
	}
	from := s.large[(clip*g.axes[0].In+t-1)*height*width:]
	for h := range height {
		copy(to[(h+1)*line+g.large:][:width], from[h*width:])
	}
}

// multiplyBordered sums the contributions of a frame of the small map to all kernel positions.
func (s *gradStep) multiplyBordered(w *worker, frame int) {
	g, t, all := s.grad, &w.tile, tiles(s.grad.small, s.grad.micro.Channels)
	height, width := g.axes[1].Out, g.axes[2].Out
	line := (g.axes[2].In + 2) * g.large
	plane := (g.axes[1].In + 2) * line
	area := len(g.out) * g.micro.Channels
	sums := s.partial[frame*all*area:][:all*area]
	clear(sums)
	t.SrcStep, t.Slope = g.stride[2]*g.large, 1
	for clip := range s.clips {
		t.Src = s.copied[clip*g.volume():][:g.volume()]
		for from := 0; from < height; {
			w.taps = w.taps[:0]
			for ; from < height && len(w.taps)*width < gradBlockPixels; from++ {
				w.taps = append(w.taps, Tap{
					Src:    frame*g.stride[0]*plane + from*g.stride[1]*line,
					Weight: (frame*height + from) * width,
					Len:    width,
				})
			}
			t.Taps = w.taps
			for tile := range all {
				t.Weights, t.WeightStep = s.weights(clip, tile)
				t.Channels, t.Dst = min(g.micro.Channels, g.small-tile*g.micro.Channels), sums[tile*area:][:area]
				g.micro.run(t, g.positions, g.out, len(w.taps)*width)
			}
		}
	}
	w.tile = Tile{}
}

// gather adds up the partial sums of a bordered gradient.
func (s *gradStep) gather() {
	g, wide := s.grad, s.grad.micro.Channels
	clear(s.dW)
	all := tiles(g.small, wide)
	for n := range g.axes[0].Out * all {
		part, tile := s.partial[n*len(g.out)*wide:], n%all
		for c := range min(wide, g.small-tile*wide) {
			dW := s.dW[(tile*wide+c)*g.large*27:]
			for l := range g.large {
				for k := range 27 {
					dW[l*27+k] += part[(k*g.large+l)*wide+c]
				}
			}
		}
	}
}

// multiply sums the contributions of a chunk of frames to some channels of the large map at all kernel positions. A
// block of the small map stays in the nearest cache while all positions pass over it, and the part of the large map
// that they need in the next one.
func (s *gradStep) multiply(w *worker, n int) {
	g, t, wide := s.grad, &w.tile, s.grad.micro.Channels
	from := n % g.parts * g.partChannels
	channels := g.channels[from:min(from+g.partChannels, len(g.channels))]
	sums := s.partial[n*g.partLen():][:g.partLen()]
	clear(sums)
	t.SrcStep, t.Slope = g.stride[2]*g.large, 1
	height, width, line := g.axes[1].Out, g.axes[2].Out, g.axes[2].In*g.large
	frame := g.axes[1].In * line
	most := max(gradBlockPixels/width, 1)
	first := (s.firstChunk + n/g.parts) * g.frames
	for f := first; f < min(first+g.frames, s.clips*g.axes[0].Out); f++ {
		clip, jt := f/g.axes[0].Out, f%g.axes[0].Out
		t.Src = s.large[clip*g.axes[0].In*frame:][:g.axes[0].In*frame]
		for row := 0; row < height; row += most {
			for tile := range tiles(g.small, wide) {
				t.Weights, t.WeightStep = s.weights(clip, tile)
				t.Channels = min(wide, g.small-tile*wide)
				for k := range kernelPositions {
					rows, columns := g.spans[1][k/Taps%Taps], g.spans[2][k%Taps]
					at := jt*g.stride[0] + k/(Taps*Taps) - 1
					if at < 0 || at >= g.axes[0].In {
						continue
					}
					w.taps = w.taps[:0]
					for jh := max(row, rows.from); jh < min(row+most, rows.to); jh++ {
						w.taps = append(w.taps, Tap{
							Src: at*frame + (jh*g.stride[1]+k/Taps%Taps-1)*line +
								(columns.from*g.stride[2]+k%Taps-1)*g.large,
							Weight: (jt*height+jh)*width + columns.from,
							Len:    columns.to - columns.from,
						})
					}
					t.Taps, t.Dst = w.taps, sums[k*g.partChannels*g.sumStride+tile*wide:]
					g.micro.run(t, channels, g.out[:len(channels)], len(w.taps)*width)
				}
			}
		}
	}
	w.tile = Tile{}
}

// partLen is the number of sums of an item, [27][partChannels][sumStride].
func (g *WeightGrad) partLen() int { return kernelPositions * g.partChannels * g.sumStride }

// collect adds up the chunks' sums for a channel of the large map, in the order of the chunks.
func (s *gradStep) collect(l int) {
	g := s.grad
	const lanes = 16
	var sums [lanes][kernelPositions]float32
	for from := 0; from < g.small; from += lanes {
		have := min(lanes, g.small-from)
		for k := range kernelPositions {
			at := l/g.partChannels*g.partLen() + (k*g.partChannels+l%g.partChannels)*g.sumStride + from
			var column [lanes]float32
			for chunk := range s.chunks {
				for i, v := range s.partial[at+chunk*g.parts*g.partLen():][:have] {
					column[i] += v
				}
			}
			for i, v := range column {
				sums[i][k] = v
			}
		}
		for i := range have {
			dW := s.dW[((from+i)*g.large+l)*kernelPositions:][:kernelPositions]
			if s.firstChunk == 0 {
				copy(dW, sums[i][:])
				continue
			}
			for k, v := range sums[i] {
				dW[k] += v
			}
		}
	}
}

// span is a range of positions of the small map.
type span struct{ from, to int }

// span is the range of positions of the small map for which kernel position k falls into the large map.
func (g *WeightGrad) span(d, k int) span {
	a := &g.axes[d]
	s := span{to: a.Out}
	for s.from < a.Out && s.from*g.stride[d]+k-1 < 0 {
		s.from++
	}
	for s.to > s.from && (s.to-1)*g.stride[d]+k-1 >= a.In {
		s.to--
	}
	return s
}
