package kernel

// WeightGrad is the gradient of a (transposed) 3x3x3 convolution toward its weights. Either kind relates a large map to
// a small one, of which position j meets position stride·j + k - 1 of the large one at k of the kernel:
//
//	dW[s][l][k] = Σ over clips, over j: small[j][s] · large[stride·j + k - 1][l]
//
// A convolution's large map is its input and its small one the gradient toward its output; with a transposed one it is the other way
// round. In both cases dW is laid out as PyTorch lays out the weights.
//
// It is the same small product as the rest of the package, turned round: a tile's "pixels" are channels l of the large map, its
// channels are those of the small one, and its taps are rows of the maps, walked in steps of a pixel. Every element of dW is summed in
// an order that the shape alone decides.
type WeightGrad struct {
	axes         [3]Axis // T, H, W, from the large to the small map
	stride       [3]int
	large, small int // channels
	micro        *Micro
	pixels       int  // of a clip of the small map
	direct       bool // the small map's rows are whole channel tiles
	zeros        []float32
	items        []gradItem
	// bordered maps have so few channels that places of the kernel join them in a tile: the map is copied with zeros around it.
	bordered bool
	places   []int32 // bordered: for each (k, l) where it begins in the copy
	out      []int32
	channels []int32 // not bordered: l = 0, 1, …
}

// gradItem is one worker's piece of a pass over the maps.
type gradItem struct {
	tile     int // of the small map's channels
	t        int // bordered: the frame of the small map; else of the kernel
	h        int // of the kernel
	from, to int // entries of channels
}

const (
	// gradPixels is about how many pixels of the small map a block has: the rows that meet stay in the second-level cache.
	gradPixels = 256
	// gradFlush is after how many pixels sums go into sums of sums, which keep their last bits where a single long one loses them.
	gradFlush = 4096
	// gradItems is the least number of items wanted.
	gradItems = 32
	// fewChannels of the large map would leave a tile's pixels idle.
	fewChannels = 8
)

// NewWeightGrad plans the gradient between maps with the given axes, all of them Down from the large map to the small one.
func NewWeightGrad(set *Set, axes [3]Axis, large, small int) *WeightGrad {
	g := &WeightGrad{axes: axes, large: large, small: small, micro: set.micro(small), bordered: large < fewChannels}
	for d := range axes {
		g.stride[d] = axes[d].phases[0].inStep
	}
	g.pixels = axes[0].Out * axes[1].Out * axes[2].Out
	g.direct = small%g.micro.Channels == 0
	g.zeros = make([]float32, g.micro.Channels)
	all, group := tiles(small, g.micro.Channels), g.micro.Pixels
	if g.bordered {
		for k := range Taps * Taps * Taps {
			t, h, w := k/9, k/3%3, k%3
			at := (t*(axes[1].In+2)+h)*(axes[2].In+2) + w
			for l := range large {
				g.places = append(g.places, int32(at*large+l))
				g.out = append(g.out, int32((k*large+l)*g.micro.Channels))
			}
		}
		g.places, g.out = fillGroup(g.places, group), fillGroup(g.out, group)
		for tile := range all {
			for t := range axes[0].Out {
				g.items = append(g.items, gradItem{tile: tile, t: t})
			}
		}
		return g
	}
	for l := range large {
		g.channels = append(g.channels, int32(l))
		g.out = append(g.out, int32(l*g.micro.Channels))
	}
	g.channels, g.out = fillGroup(g.channels, group), fillGroup(g.out, group)
	parts := min(tiles(gradItems, Taps*Taps*all), len(g.channels)/group)
	step := tiles(len(g.channels)/group, parts) * group
	for k := range Taps * Taps {
		for tile := range all {
			for from := 0; from < len(g.channels); from += step {
				g.items = append(g.items, gradItem{tile, k / Taps, k % Taps, from, min(from+step, len(g.channels))})
			}
		}
	}
	return g
}

// Len is the number of values of dW.
func (g *WeightGrad) Len() int { return g.small * g.large * Taps * Taps * Taps }

// Work is the number of multiplications for one clip, those with the zeros around the map not counted.
func (g *WeightGrad) Work() int {
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

// Run writes dW for clips one after the other in large, [clips][T][H][W][large channels], and small likewise.
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
		s.pass = gradMultiply
		p.run(len(g.items), s)
	} else {
		s.copied = grow(s.copied, clips*g.volume())
		s.partial = grow(s.partial, len(g.items)*len(g.out)*wide)
		s.pass = gradCopy
		p.run(clips*(g.axes[0].In+2), s)
		s.pass = gradBordered
		p.run(len(g.items), s)
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
	gradCopy
	gradBordered
)

type gradStep struct {
	grad             *WeightGrad
	pass             gradPass
	clips            int
	dW, large, small []float32
	// Kept from run to run.
	copied  []float32 // [clips][T+2][H+2][W+2][large]
	packed  []float32 // [clips][tiles][pixels][micro.Channels]
	partial []float32 // [items][(k, l)][micro.Channels]
}

func (s *gradStep) do(w *worker, item int) {
	switch s.pass {
	case gradPack:
		s.pack(item)
	case gradMultiply:
		s.multiply(w, &s.grad.items[item])
	case gradCopy:
		s.border(item)
	case gradBordered:
		s.multiplyBordered(w, item)
	}
}

// pack brings a frame of the small map to channel tiles.
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

// weights gives a clip of a channel tile of the small map, and the distance between its pixels.
func (s *gradStep) weights(clip, tile int) (weights []float32, step int) {
	g, wide := s.grad, s.grad.micro.Channels
	if g.direct {
		return s.small[clip*g.pixels*g.small+tile*wide:], g.small
	}
	return s.packed[(clip*tiles(g.small, wide)+tile)*g.pixels*wide:], wide
}

// border copies a frame of the large map, the zeros before the first and after the last counted as frames.
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

// multiplyBordered sums what a frame of the small map gives to all places.
func (s *gradStep) multiplyBordered(w *worker, n int) {
	g, it, t := s.grad, &s.grad.items[n], &w.tile
	height, width := g.axes[1].Out, g.axes[2].Out
	line := (g.axes[2].In + 2) * g.large
	plane := (g.axes[1].In + 2) * line
	t.Dst = s.partial[n*len(g.out)*g.micro.Channels:][:len(g.out)*g.micro.Channels]
	clear(t.Dst)
	t.SrcStep, t.Slope = g.stride[2]*g.large, 1
	t.Channels = min(g.micro.Channels, g.small-it.tile*g.micro.Channels)
	for clip := range s.clips {
		t.Src = s.copied[clip*g.volume():][:g.volume()]
		t.Weights, t.WeightStep = s.weights(clip, it.tile)
		for from := 0; from < height; {
			w.taps = w.taps[:0]
			for ; from < height && len(w.taps)*width < gradPixels; from++ {
				w.taps = append(w.taps, Tap{
					Src:    it.t*g.stride[0]*plane + from*g.stride[1]*line,
					Weight: (it.t*height + from) * width,
					Len:    width,
				})
			}
			t.Taps = w.taps
			g.micro.run(t, g.places, g.out, len(w.taps)*width)
		}
	}
	w.tile = Tile{}
}

// gather sums the parts of a bordered gradient.
func (s *gradStep) gather() {
	g, wide := s.grad, s.grad.micro.Channels
	clear(s.dW)
	for n, it := range g.items {
		part := s.partial[n*len(g.out)*wide:]
		for c := range min(wide, g.small-it.tile*wide) {
			dW := s.dW[(it.tile*wide+c)*g.large*27:]
			for l := range g.large {
				for k := range 27 {
					dW[l*27+k] += part[(k*g.large+l)*wide+c]
				}
			}
		}
	}
}

// multiply sums the elements of dW for a row of the kernel, some channels of the large map, and a channel tile of the small one.
func (s *gradStep) multiply(w *worker, it *gradItem) {
	g, t, wide := s.grad, &w.tile, s.grad.micro.Channels
	area := (it.to - it.from) * wide
	w.rows = grow(w.rows, 2*Taps*area)
	sums, total := w.rows[:Taps*area], w.rows[Taps*area:]
	clear(sums)
	clear(total)
	t.SrcStep, t.Slope = g.stride[2]*g.large, 1
	t.Channels = min(wide, g.small-it.tile*wide)
	var pixels [3]span
	for d, k := range [3]int{it.t, it.h, 0} {
		pixels[d] = g.span(d, k)
	}
	width, row := g.axes[2].Out, g.axes[2].In*g.large
	frame := g.axes[1].In * row
	most, since := max(gradPixels/width, 1), 0
	for clip := range s.clips {
		t.Src = s.large[clip*g.axes[0].In*frame:][:g.axes[0].In*frame]
		t.Weights, t.WeightStep = s.weights(clip, it.tile)
		for jt := pixels[0].from; jt < pixels[0].to; jt++ {
			for from := pixels[1].from; from < pixels[1].to; from += most {
				to := min(from+most, pixels[1].to)
				for kw := range Taps {
					columns := g.span(2, kw)
					w.taps = w.taps[:0]
					for jh := from; jh < to; jh++ {
						at := (jt*g.stride[0]+it.t-1)*frame + (jh*g.stride[1]+it.h-1)*row + (columns.from*g.stride[2]+kw-1)*g.large
						w.taps = append(w.taps, Tap{
							Src:    at,
							Weight: (jt*g.axes[1].Out+jh)*width + columns.from,
							Len:    columns.to - columns.from,
						})
					}
					t.Taps, t.Dst = w.taps, sums[kw*area:][:area]
					g.micro.run(t, g.channels[it.from:it.to], g.out[:it.to-it.from], len(w.taps)*width)
				}
				if since += (to - from) * width; since >= gradFlush {
					add(total, sums)
					since = 0
				}
			}
		}
	}
	add(total, sums)
	for kw := range Taps {
		k := (it.t*Taps+it.h)*Taps + kw
		for l := it.from; l < min(it.to, g.large); l++ {
			sum := total[kw*area+(l-it.from)*wide:][:t.Channels]
			at := (it.tile*wide*g.large+l)*27 + k
			for _, v := range sum {
				s.dW[at] = v
				at += g.large * 27
			}
		}
	}
	w.tile = Tile{}
}

func add(total, sums []float32) {
	sums = sums[:len(total)]
	for i := range total {
		total[i] += sums[i]
		sums[i] = 0
	}
}

// span is a range of positions of the small map.
type span struct{ from, to int }

// span is where position k of the kernel falls into the large map.
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
