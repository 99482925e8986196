package kernel

// WeightGrad is the gradient of a (transposed) 3x3x3 convolution toward its weights. Either kind relates a large map to
// a small one, of which position j meets position stride·j + k - 1 of the large one at k of the kernel:
//
//	dW[s][l][k] = Σ over clips, over j: small[j][s] · large[stride·j + k - 1][l]
//
// A convolution's large map is its input and its small one the gradient toward its output; with a transposed one it is the other way
// round. In both cases dW is laid out as PyTorch lays out the weights.
//
// It is the same small product as the rest of the package: the large map is brought to one plane for each channel, with zeros around
// it and with the columns of a stride next to each other, and so a tile's "pixels" are places of the kernel and its taps are rows
// of the map. Every element of dW is summed by one worker in an order that the shape alone decides.
type WeightGrad struct {
	axes         [3]Axis // T, H, W, from the large to the small map
	stride       [3]int
	large, small int // channels
	micro        *Micro
	line         int // values of a padded row of one channel
	plane        int // of a padded frame of one channel
	volume       int // of a padded clip of one channel
	pixels       int // of a clip of the small map
	blocks       [][]Tap
	places       []int // for each row (l, k) of dW where it begins in the padded map
	items        []gradItem
	zeros        []float32
}

// gradItem is one worker's piece: rows from to to of dW, and channel tiles tileFrom to tileTo.
type gradItem struct{ from, to, tileFrom, tileTo int }

const (
	// gradBlockBytes of packed small values are met by every row while they stay in the first-level cache.
	gradBlockBytes = 16 << 10
	// gradRows bounds the rows of an item.
	gradRows = 48
)

// NewWeightGrad plans the gradient between maps with the given axes, all of them Down from the large map to the small one.
func NewWeightGrad(set *Set, axes [3]Axis, large, small int) *WeightGrad {
	g := &WeightGrad{axes: axes, large: large, small: small, micro: set.micro(small)}
	for d := range axes {
		g.stride[d] = axes[d].phases[0].inStep
	}
	g.line = tiles(axes[2].In+2, g.stride[2]) * g.stride[2]
	g.plane = (axes[1].In + 2) * g.line
	g.volume = (axes[0].In + 2) * g.plane
	g.pixels = axes[0].Out * axes[1].Out * axes[2].Out
	g.zeros = make([]float32, g.micro.Channels)
	g.planBlocks()
	for l := range large {
		for k := range Taps * Taps * Taps {
			t, h, w := k/9, k/3%3, k%3
			column := w%g.stride[2]*(g.line/g.stride[2]) + w/g.stride[2]
			g.places = append(g.places, l*g.volume+t*g.plane+h*g.line+column)
		}
	}
	rows := max(itemWork/(g.pixels*g.micro.Channels), 1)
	rows = min(tiles(rows, g.micro.Pixels)*g.micro.Pixels, tiles(gradRows, g.micro.Pixels)*g.micro.Pixels)
	all := tiles(small, g.micro.Channels)
	wide := min(max(itemWork/(g.pixels*g.micro.Channels*rows), 1), all)
	for tile := 0; tile < all; tile += wide {
		for from := 0; from < len(g.places); from += rows {
			g.items = append(g.items, gradItem{from, min(from+rows, len(g.places)), tile, min(tile+wide, all)})
		}
	}
	return g
}

// planBlocks cuts the rows of the small map into blocks, each the taps of a tile.
func (g *WeightGrad) planBlocks() {
	width := g.axes[2].Out
	most := max(gradBlockBytes/(4*g.micro.Channels*width), 1)
	for row := range g.axes[0].Out * g.axes[1].Out {
		if row%most == 0 {
			g.blocks = append(g.blocks, nil)
		}
		t, h := row/g.axes[1].Out, row%g.axes[1].Out
		last := len(g.blocks) - 1
		g.blocks[last] = append(g.blocks[last], Tap{Src: t*g.stride[0]*g.plane + h*g.stride[1]*g.line, Weight: row * width, Len: width})
	}
}

// Len is the number of values of dW.
func (g *WeightGrad) Len() int { return g.small * g.large * Taps * Taps * Taps }

// Work is the number of multiplications for one clip, those with the zeros around the map counted.
func (g *WeightGrad) Work() int { return g.Len() * g.pixels }

// Run writes dW for clips one after the other in large, [clips][T][H][W][large channels], and small likewise.
func (g *WeightGrad) Run(p *Pool, dW, large, small []float32, clips int) {
	s := &p.weights
	*s = gradStep{
		grad: g, dW: dW[:g.Len()], planes: grow(s.planes, g.volume*g.large),
		packed: grow(s.packed, tiles(g.small, g.micro.Channels)*g.micro.Channels*g.pixels),
	}
	clear(s.dW)
	sizeLarge, sizeSmall := g.axes[0].In*g.axes[1].In*g.axes[2].In*g.large, g.pixels*g.small
	for clip := range clips {
		s.large, s.small = large[clip*sizeLarge:][:sizeLarge], small[clip*sizeSmall:][:sizeSmall]
		s.pass = gradPlanes
		p.run(g.axes[0].In+2, s)
		s.pass = gradPack
		p.run(tiles(g.pixels, maxPixels), s)
		s.pass = gradMultiply
		p.run(len(g.items), s)
	}
	*s = gradStep{planes: s.planes, packed: s.packed}
}

type gradPass int

const (
	gradPlanes gradPass = iota
	gradPack
	gradMultiply
)

type gradStep struct {
	grad             *WeightGrad
	pass             gradPass
	dW, large, small []float32
	planes, packed   []float32 // kept from run to run
}

func (s *gradStep) do(w *worker, item int) {
	switch s.pass {
	case gradPlanes:
		s.spread(item)
	case gradPack:
		s.pack(item)
	case gradMultiply:
		s.multiply(w, &s.grad.items[item])
	}
}

// spread brings frame t, the zeros before the first counted as one, of the large map to planes.
func (s *gradStep) spread(t int) {
	g := s.grad
	for l := range g.large {
		clear(s.planes[l*g.volume+t*g.plane:][:g.plane])
	}
	if t == 0 || t > g.axes[0].In {
		return
	}
	height, width := g.axes[1].In, g.axes[2].In
	step, length := g.stride[2], g.line/g.stride[2]
	src := s.large[(t-1)*height*width*g.large:][:height*width*g.large]
	for h := range height {
		row := src[h*width*g.large:][:width*g.large]
		for l := range g.large {
			line := s.planes[l*g.volume+t*g.plane+(h+1)*g.line:][:g.line]
			for phase := range step {
				// Column w lies at w+1 of the padded row; those with the same remainder are neighbours.
				first := (phase + step - 1) % step
				to := line[phase*length+(first+1)/step:]
				n := 0
				for at := first*g.large + l; at < len(row); at += step * g.large {
					to[n] = row[at]
					n++
				}
			}
		}
	}
}

// pack brings a piece of the small map to channel tiles, [tiles][pixels][micro.Channels].
func (s *gradStep) pack(item int) {
	g := s.grad
	wide := g.micro.Channels
	from := item * maxPixels
	to := min(from+maxPixels, g.pixels)
	for first := 0; first < g.small; first += wide {
		have := min(wide, g.small-first)
		tile := s.packed[first*g.pixels:][from*wide : to*wide]
		for p := from; p < to; p++ {
			row := tile[(p-from)*wide:][:wide]
			n := copy(row, s.small[p*g.small+first:][:have])
			clear(row[n:])
		}
	}
}

func (s *gradStep) multiply(w *worker, it *gradItem) {
	g, t := s.grad, &w.tile
	wide, rows := g.micro.Channels, it.to-it.from
	w.rows = grow(w.rows, rows*wide)
	for r := range rows {
		w.out[r] = r * wide
	}
	t.Src, t.Dst, t.Bias, t.Slope = s.planes, w.rows, g.zeros, 1
	for _, block := range g.blocks {
		t.Taps = block
		for tile := it.tileFrom; tile < it.tileTo; tile++ {
			first := tile * wide
			t.Weights = s.packed[first*g.pixels:][:wide*g.pixels]
			t.Channels = min(wide, g.small-first)
			for from := 0; from < rows; from += g.micro.Pixels {
				to := min(from+g.micro.Pixels, rows)
				t.Pixels, t.Out = g.places[it.from+from:it.from+to], w.out[from:to]
				g.micro.Run(t)
			}
			// Sums of sums keep their last bits where a single long one loses them.
			for c := range t.Channels {
				dW := s.dW[(first+c)*len(g.places)+it.from:][:rows]
				for r := range dW {
					dW[r] += w.rows[r*wide+c]
				}
			}
		}
	}
	w.tile = Tile{}
}
