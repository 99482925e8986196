package tamper

import "math"

// view is a background, prepared to be compared with medians of the last second.
type view struct {
	full []byte  // [side][side]
	pix  []int16 // [w][w], full reduced
	gx   []int16 // [w][w], central differences of pix
	gy   []int16
	lap  []int16 // Laplacian of full on every fineStep-th row, [side/fineStep][side]

	cells [numCells]viewCell
}

// viewCell has the sums of one cell over its pixels; v is centred on the cell's mean.
type viewCell struct {
	n        float64
	mean     float64 // in 1/level of a grey level, as all sums
	vv       float64 // sum of v*v
	gg       float64 // sum of |gradient|^2
	gxx, gxy float64
	gyy      float64
	gx, gy   float64 // sums of the gradient
	gxv, gyv float64 // sums of gradient * v
	fine     float64 // sum of the squared Laplacian, in grey levels
	fineN    float64 // number of its pixels
}

// deviation is the standard deviation in grey levels.
func (c *viewCell) deviation() float64 { return math.Sqrt(c.vv/c.n) / level }

// fineStep is the distance of the rows whose finest structure is compared.
const fineStep = 4

func newView(g *grid) *view {
	return &view{
		full: make([]byte, g.side*g.side), pix: make([]int16, g.w*g.w),
		gx: make([]int16, g.w*g.w), gy: make([]int16, g.w*g.w),
		lap: make([]int16, g.side*(g.side/fineStep)),
	}
}

// prepare computes everything from v.full.
func (v *view) prepare(g *grid) {
	g.reduce(v.pix, v.full)
	v.derive(g)
	v.prepareFine(g)
}

// derive computes the gradients and the sums from v.pix.
func (v *view) derive(g *grid) {
	w := g.w
	for y := 1; y < w-1; y++ {
		for x := 1; x < w-1; x++ {
			i := y*w + x
			v.gx[i] = (v.pix[i+1] - v.pix[i-1]) / 2
			v.gy[i] = (v.pix[i+w] - v.pix[i-w]) / 2
		}
	}
	for cy := range Cells {
		for cx := range Cells {
			if g.masked[cy*Cells+cx] {
				v.blank(g, cx, cy)
			}
			v.sumCell(g, cx, cy)
		}
	}
}

// blank takes a masked cell's structure away, so that nothing is compared there.
func (v *view) blank(g *grid, cx, cy int) {
	for y := g.bound[cy]; y < g.bound[cy+1]; y++ {
		from, to := y*g.w+g.bound[cx], y*g.w+g.bound[cx+1]
		clear(v.pix[from:to])
		clear(v.gx[from:to])
		clear(v.gy[from:to])
	}
}

func (v *view) sumCell(g *grid, cx, cy int) {
	c := &v.cells[cy*Cells+cx]
	*c = viewCell{}
	var sum float64
	each := func(f func(i int)) {
		for y := max(1, g.bound[cy]); y < min(g.w-1, g.bound[cy+1]); y++ {
			for x := max(1, g.bound[cx]); x < min(g.w-1, g.bound[cx+1]); x++ {
				f(y*g.w + x)
			}
		}
	}
	each(func(i int) { c.n++; sum += float64(v.pix[i]) })
	mean := sum / c.n
	c.mean = mean
	each(func(i int) {
		p, gx, gy := float64(v.pix[i])-mean, float64(v.gx[i]), float64(v.gy[i])
		c.vv += p * p
		c.gxx += gx * gx
		c.gxy += gx * gy
		c.gyy += gy * gy
		c.gx += gx
		c.gy += gy
		c.gxv += gx * p
		c.gyv += gy * p
	})
	c.gg = c.gxx + c.gyy
}

func (v *view) prepareFine(g *grid) {
	s := g.side
	for r := range s / fineStep {
		y := r*fineStep + fineStep/2
		row, up, down := v.full[y*s:][:s], v.full[(y-1)*s:][:s], v.full[(y+1)*s:][:s]
		out := v.lap[r*s:][:s]
		for x := 1; x < s-1; x++ {
			l := 4*int16(row[x]) - int16(row[x-1]) - int16(row[x+1]) - int16(up[x]) - int16(down[x])
			out[x] = l
			c := g.cellOf(x, y)
			if g.masked[c] {
				continue
			}
			v.cells[c].fine += float64(l) * float64(l)
			v.cells[c].fineN++
		}
	}
}

// cellOf is the cell of a pixel of the full picture.
func (g *grid) cellOf(x, y int) int {
	return min(y*Cells/g.side, Cells-1)*Cells + min(x*Cells/g.side, Cells-1)
}

// fineness fills out with how much of each cell's finest structure is left in a picture: the coefficient of the
// regression of the picture's Laplacian on the view's, 1 for an equal picture. Noise and things that pass average out,
// because neither follows the view.
func (v *view) fineness(g *grid, out *[numCells]float64, picture []byte) {
	*out = [numCells]float64{}
	s := g.side
	for r := range s / fineStep {
		y := r*fineStep + fineStep/2
		row, up, down := picture[y*s:][:s], picture[(y-1)*s:][:s], picture[(y+1)*s:][:s]
		lap := v.lap[r*s:][:s]
		cells := out[min(y*Cells/s, Cells-1)*Cells:][:Cells]
		for cx := range Cells {
			from, to := max(1, cx*s/Cells), min(s-1, (cx+1)*s/Cells)
			var sum int32
			for x := from; x < to; x++ {
				sum += (4*int32(row[x]) - int32(row[x-1]) - int32(row[x+1]) - int32(up[x]) - int32(down[x])) *
					int32(lap[x])
			}
			cells[cx] += float64(sum)
		}
	}
	for i := range out {
		if f := v.cells[i].fine; f > 0 {
			out[i] /= f
		}
	}
}
