package kernel

import "math"

// queryBlock is the number of queries that are addressed and read together.
const queryBlock = 24

// Memory reads a latent map through the memory: ẑ = address(z·Mᵀ)·M for each position z (Gong et al., ICCV 2019,
// section 3.3). It is read-only while it runs.
type Memory struct {
	slots, width int
	lambda       float32
	cosine       bool
	address      func(row []float32, lambda float32)
	keys, values product
	unit         []float32 // [slots][width], slots of norm 1, for cosine
}

// product multiplies rows with a matrix, [in][out].
type product struct {
	set      *Set
	micro    *Micro
	in, out  int
	taps     []Tap // one tap, over a whole row
	weights  []float32
	tileStep int // distance between the weights of channel tiles
	rowStep  int
	packed   []float32 // [tiles][in][micro.Channels]
	bias     []float32 // zeros
}

// NewMemory prepares a memory of slots of the given width. cosine normalises queries and keys first. Pack must be
// called before Run.
func NewMemory(set *Set, slots, width int, lambda float32, cosine bool) *Memory {
	return &Memory{
		slots: slots, width: width, lambda: lambda, cosine: cosine, address: set.Address,
		keys: newProduct(set, width, slots), values: newProduct(set, slots, width),
	}
}

func newProduct(set *Set, in, out int) product {
	m := set.micro(out)
	return product{set: set, micro: m, in: in, out: out, taps: []Tap{{Len: in}}, bias: make([]float32, m.Channels)}
}

// Pack sets the slots, [slots][width].
func (m *Memory) Pack(slots []float32) {
	m.values.pack(slots)
	if m.cosine {
		m.unit = grow(m.unit, len(slots))
		for i := range m.slots {
			row := slots[i*m.width:][:m.width]
			scale := inverseNorm(row)
			for c, v := range row {
				m.unit[i*m.width+c] = v * scale
			}
		}
		slots = m.unit
	}
	m.keys.packTransposed(slots)
}

// pack copies the matrix into channel tiles.
func (p *product) pack(matrix []float32) {
	wide := p.reserve()
	for in := range p.in {
		row := matrix[in*p.out:][:p.out]
		for at := in * wide; len(row) > 0; at += p.in * wide {
			n := min(wide, len(row))
			clear(p.packed[at:][:wide][copy(p.packed[at:][:wide], row[:n]):])
			row = row[n:]
		}
	}
}

// packTransposed is pack for a matrix stored as [out][in].
func (p *product) packTransposed(matrix []float32) {
	wide, lanes := p.reserve(), p.set.Lanes
	step, whole := lanes, p.in/lanes*lanes
	if wide%lanes != 0 {
		step, whole = wide, 0
	}
	for o := 0; o < tiles(p.out, wide)*wide; o += step {
		packed, from := p.packed[o/wide*p.in*wide+o%wide:], 0
		if o+lanes <= p.out {
			for from < whole {
				p.set.Transpose(packed[from*wide:], wide, matrix[o*p.in+from:], p.in)
				from += lanes
			}
		}
		for n := range step {
			for in := from; in < p.in; in++ {
				packed[in*wide+n] = 0
				if o+n < p.out {
					packed[in*wide+n] = matrix[(o+n)*p.in+in]
				}
			}
		}
	}
}

// reserve allocates the packed matrix and returns the width of its tiles.
func (p *product) reserve() int {
	wide := p.micro.Channels
	p.packed = grow(p.packed, tiles(p.out, wide)*p.in*wide)
	p.weights, p.tileStep, p.rowStep = p.packed, p.in*wide, wide
	return wide
}

// useMatrix uses the matrix in place if its rows are whole channel tiles, else a packed copy.
func (p *product) useMatrix(matrix []float32) {
	if p.out%p.micro.Channels == 0 {
		p.weights, p.tileStep, p.rowStep = matrix, p.micro.Channels, p.out
		return
	}
	p.pack(matrix)
}

// inverseNorm is 1/max(‖v‖, 1e-12).
func inverseNorm(v []float32) float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return float32(1 / max(math.Sqrt(sum), 1e-12))
}

// Reserve allocates the buffers that p's workers need in Run, so that Run does not allocate.
func (m *Memory) Reserve(p *Pool) {
	for _, w := range p.workers {
		w.rows = grow(w.rows, queryBlock*m.slots)
		w.scaled = grow(w.scaled, queryBlock*m.width)
	}
}

// Run computes dst, [queries][width], for the queries z of the same shape. weights, [queries][slots], receives the
// addressing weights; nil discards them.
func (m *Memory) Run(p *Pool, dst, z []float32, queries int, weights []float32) {
	n := queries * m.width
	p.read = readStep{memory: m, dst: dst[:n], src: z[:n], weights: weights, queries: queries}
	p.run(tiles(queries, queryBlock), &p.read)
	p.read = readStep{}
}

type readStep struct {
	memory            *Memory
	dst, src, weights []float32
	queries           int
}

func (s *readStep) do(w *worker, n int) {
	m := s.memory
	from := n * queryBlock
	count := min(queryBlock, s.queries-from)
	z := s.src[from*m.width:][:count*m.width]
	if m.cosine {
		w.scaled = grow(w.scaled, len(z))
		for q := range count {
			row, scaled := z[q*m.width:][:m.width], w.scaled[q*m.width:][:m.width]
			scale := inverseNorm(row)
			for i, v := range row {
				scaled[i] = v * scale
			}
		}
		z = w.scaled[:len(z)]
	}
	rows := s.weights
	if rows == nil {
		w.rows = grow(w.rows, count*m.slots)
		rows = w.rows
	} else {
		rows = rows[from*m.slots:]
	}
	rows = rows[:count*m.slots]
	m.keys.run(w, rows, z, count, m.width, 1)
	for q := range count {
		m.address(rows[q*m.slots:][:m.slots], m.lambda)
	}
	m.values.run(w, s.dst[from*m.width:], rows, count, m.slots, 1)
}

// run computes count rows of dst, [count][out], from as many rows of src: value i of row r is at r·rowStep + i·srcStep.
func (p *product) run(w *worker, dst, src []float32, count, rowStep, srcStep int) {
	w.pixels, w.out = w.pixels[:0], w.out[:0]
	for i := range count {
		w.pixels, w.out = append(w.pixels, int32(i*rowStep)), append(w.out, int32(i*p.out))
	}
	w.pixels, w.out = fillGroup(w.pixels, p.micro.Pixels), fillGroup(w.out, p.micro.Pixels)
	t, wide := &w.tile, p.micro.Channels
	t.Src, t.SrcStep, t.Taps, t.Bias, t.Slope = src, srcStep, p.taps, p.bias, 1
	for i := range tiles(p.out, wide) {
		first := i * wide
		t.Weights, t.WeightStep = p.weights[i*p.tileStep:], p.rowStep
		t.Channels = min(wide, p.out-first)
		t.Dst = dst[first:]
		p.micro.run(t, w.pixels, w.out, p.in)
	}
	w.tile = Tile{}
}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
