package kernel

import "math"

// MemoryGrad is the gradient of a Memory's read and of its addressing's entropy, for a fixed number of queries. The
// factor d/(d+1e-12), with d = w-λ, that hard shrinkage applies to a kept weight is treated as 1. It differs from 1
// only for d of a few millionths of λ, where its derivative is that of a step: thousands of times larger than
// everything else, and meaningless.
type MemoryGrad struct {
	memory    *Memory
	queries   int
	toWeights product // width -> slots, by the slots: gradient of the weights from that of the read
	toQueries product // slots -> width, by the keys: gradient of the queries from that of the dot products
	valueGrad product // queries -> width, by the gradient of the read
	keyGrad   product // queries -> width, by the queries
	soft      []float32
	rows      []float32 // [queries][slots], gradients of the weights, then of the dot products
	unit      []float32 // [queries][width], queries of norm 1, for cosine
	scale     []float32 // 1/norm of each slot, for cosine
	step      memoryGradStep
}

// NewMemoryGrad prepares the gradient of m for the given number of queries.
func NewMemoryGrad(set *Set, m *Memory, queries int) *MemoryGrad {
	g := &MemoryGrad{
		memory: m, queries: queries,
		toWeights: newProduct(set, m.width, m.slots), toQueries: newProduct(set, m.slots, m.width),
		valueGrad: newProduct(set, queries, m.width), keyGrad: newProduct(set, queries, m.width),
	}
	area := queries * m.slots
	g.soft, g.rows = make([]float32, area), make([]float32, area)
	if m.cosine {
		g.unit, g.scale = make([]float32, queries*m.width), make([]float32, m.slots)
	}
	g.step.grad = g
	return g
}

// Run writes the gradients of the queries z, [queries][width], and of the slots. d is the gradient of the read and w
// the addressing weights of that read. The Memory must have been packed with these slots last. entropy is the loss
// factor of the mean over the queries of -Σ w·log(w + 1e-12).
func (g *MemoryGrad) Run(p *Pool, dz, dSlots, d, z, slots, w []float32, entropy float64) {
	m := g.memory
	g.toWeights.packTransposed(slots)
	for i := range g.scale {
		g.scale[i] = inverseNorm(slots[i*m.width:][:m.width])
	}
	if m.cosine {
		g.toQueries.useMatrix(m.unit)
	} else {
		g.toQueries.useMatrix(slots)
	}
	s := &g.step
	s.dz, s.dSlots, s.d, s.z, s.slots, s.w, s.entropy = dz, dSlots, d, z, slots, w, entropy/float64(g.queries)
	s.bySlot = false
	p.run(tiles(g.queries, queryBlock), s)
	if m.cosine {
		z = g.unit
	}
	g.valueGrad.useMatrix(d)
	g.keyGrad.useMatrix(z)
	s.bySlot = true
	p.run(tiles(m.slots, queryBlock), s)
	*s = memoryGradStep{grad: g}
}

type memoryGradStep struct {
	grad                       *MemoryGrad
	bySlot                     bool // the second pass, after that by queries
	dz, dSlots, d, z, slots, w []float32
	entropy                    float64 // for one query
}

func (s *memoryGradStep) do(w *worker, item int) {
	if s.bySlot {
		s.gradSlots(w, item)
	} else {
		s.gradQueries(w, item)
	}
}

// gradQueries computes the gradients of a block of queries.
func (s *memoryGradStep) gradQueries(w *worker, item int) {
	g, m := s.grad, s.grad.memory
	from := item * queryBlock
	count := min(queryBlock, g.queries-from)
	z := s.z[from*m.width:][:count*m.width]
	if m.cosine {
		unit := g.unit[from*m.width:][:count*m.width]
		for q := range count {
			row := z[q*m.width:][:m.width]
			scale := inverseNorm(row)
			for i, v := range row {
				unit[q*m.width+i] = v * scale
			}
		}
		z = unit
	}
	area := count * m.slots
	soft, rows, weights := g.soft[from*m.slots:][:area], g.rows[from*m.slots:][:area], s.w[from*m.slots:][:area]
	m.keys.run(w, soft, z, count, m.width, 1)
	g.toWeights.run(w, rows, s.d[from*m.width:][:count*m.width], count, m.width, 1)
	for q := range count {
		row, p, weight := rows[q*m.slots:][:m.slots], soft[q*m.slots:][:m.slots], weights[q*m.slots:][:m.slots]
		m.address(p, 0)
		addressGrad(row, p, weight, m.lambda, s.entropy)
	}
	dz := s.dz[from*m.width:][:count*m.width]
	g.toQueries.run(w, dz, rows, count, m.slots, 1)
	if m.cosine {
		for q := range count {
			normaliseGrad(dz[q*m.width:][:m.width], z[q*m.width:][:m.width],
				inverseNorm(s.z[(from+q)*m.width:][:m.width]))
		}
	}
}

// gradSlots computes the gradients of a block of slots, as values that were read and as keys that were compared.
func (s *memoryGradStep) gradSlots(w *worker, item int) {
	g, m := s.grad, s.grad.memory
	from := item * queryBlock
	count := min(queryBlock, m.slots-from)
	d := s.dSlots[from*m.width:][:count*m.width]
	g.valueGrad.run(w, d, s.w[from:], count, 1, m.slots)
	w.rows = grow(w.rows, len(d))
	keys := w.rows
	g.keyGrad.run(w, keys, g.rows[from:], count, 1, m.slots)
	if m.cosine {
		w.scaled = grow(w.scaled, m.width)
		for i := range count {
			for c, v := range s.slots[(from+i)*m.width:][:m.width] {
				w.scaled[c] = v * g.scale[from+i]
			}
			normaliseGrad(keys[i*m.width:][:m.width], w.scaled, g.scale[from+i])
		}
	}
	for i := range d {
		d[i] += keys[i]
	}
}

// addressGrad turns row, the gradient of the addressing weights w, into that of the dot products. p are their softmax.
func addressGrad(row, p, w []float32, lambda float32, entropy float64) {
	var left, along float64
	for i, weight := range w {
		// A weight of 0 passes no gradient; this also keeps an infinite gradient from becoming NaN.
		if weight == 0 && lambda > 0 {
			row[i] = 0
			continue
		}
		v := float64(weight)
		d := float64(row[i]) - entropy*(math.Log(v+1e-12)+v/(v+1e-12))
		row[i] = float32(d)
		along += d * v
		left += float64(p[i])
	}
	if lambda > 0 {
		// The division by the remaining sum; below the floor that sum is a constant.
		if left < 1e-12 {
			left, along = 1e-12, 0
		}
		var sum float64
		for i, weight := range w {
			if weight != 0 {
				d := (float64(row[i]) - along) / left
				row[i] = float32(d)
				sum += d * float64(p[i])
			}
		}
		along = sum
	}
	for i, v := range row {
		row[i] = float32(float64(p[i]) * (float64(v) - along))
	}
}

// normaliseGrad turns d, the gradient of a unit vector, into that of the vector before normalisation, whose inverse
// norm is scale.
func normaliseGrad(d, unit []float32, scale float32) {
	var along float64
	// At the norm's lower bound the scale is a constant.
	if scale < 1e12 {
		for i, v := range d {
			along += float64(v) * float64(unit[i])
		}
	}
	for i, v := range d {
		d[i] = float32((float64(v) - along*float64(unit[i])) * float64(scale))
	}
}

// Entropy is the mean over the queries of -Σ w·log(w + 1e-12), with w of [queries][slots].
func Entropy(p *Pool, w []float32, slots int) float64 {
	rows := make([]float64, len(w)/slots)
	p.Each(len(rows), func(q int) {
		for _, v := range w[q*slots:][:slots] {
			// Most weights of a sparse addressing are 0.
			if v != 0 {
				rows[q] -= float64(v) * math.Log(float64(v)+1e-12)
			}
		}
	})
	var sum float64
	for _, v := range rows {
		sum += v
	}
	return sum / float64(len(rows))
}
