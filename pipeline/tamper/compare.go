package tamper

import (
	"math"
	"slices"
)

// comparison is a median of the last second against a view, cell by cell.
type comparison struct {
	cells [numCells]cellMatch
}

// cellMatch is one cell of a comparison.
type cellMatch struct {
	mean        float64 // of the picture, in grey levels
	correlation float64 // of the two, -1 to 1 (Pearson)
	// edges is the sum of |grad m . grad v| over the root of the product of the sums of their squares: 1 where edges
	// lie in the same places with the same directions, whichever of their sides is the brighter.
	edges float64
	gain  float64 // contrast of the picture in terms of the view's
	// ex, ey are the sums of the view's gradient times what the picture has more than the view, at equal contrast.
	ex, ey float64
	// strength is the sum of the squared gradient of the picture over that of the view.
	strength float64
}

// compare fills c with picture, [w][w], against v.
func (c *comparison) compare(g *grid, v *view, picture []int16) {
	w := g.w
	for cy := range Cells {
		for cx := range Cells {
			var n, sum, square, product, gxm, gym, edge, strength int64
			for y := max(1, g.bound[cy]); y < min(w-1, g.bound[cy+1]); y++ {
				from, to := max(1, g.bound[cx]), min(w-1, g.bound[cx+1])
				i := y*w + from
				n0 := to - from
				m, left, right := picture[i:][:n0], picture[i-1:][:n0], picture[i+1:][:n0]
				up, down := picture[i-w:][:n0], picture[i+w:][:n0]
				pix, gxs, gys := v.pix[i:][:n0], v.gx[i:][:n0], v.gy[i:][:n0]
				var s, q, pr, gxp, gyp int64
				var ed, st int64
				for x, p16 := range m {
					p, gx, gy := int64(p16), int64(gxs[x]), int64(gys[x])
					mx, my := int64(right[x]-left[x]), int64(down[x]-up[x])
					s += p
					q += p * p
					pr += p * int64(pix[x])
					gxp += gx * p
					gyp += gy * p
					e := gx*mx + gy*my
					ed += max(e, -e)
					st += mx*mx + my*my
				}
				n += int64(n0)
				sum, square, product = sum+s, square+q, product+pr
				gxm, gym, edge, strength = gxm+gxp, gym+gyp, edge+ed, strength+st
			}
			c.finish(cy*Cells+cx, v, float64(n), [...]float64{
				float64(sum), float64(square), float64(product), float64(gxm), float64(gym), float64(edge) / 2,
				float64(strength) / 4,
			})
		}
	}
}

// finish computes a cell's match from its sums.
func (c *comparison) finish(i int, v *view, n float64, s [7]float64) {
	r := &v.cells[i]
	m := &c.cells[i]
	*m = cellMatch{}
	mean := s[0] / n
	variance := max(0, s[1]/n-mean*mean)
	m.mean = mean / level
	covariance := s[2]/n - mean*r.mean
	viewVar := r.vv / r.n
	if viewVar > 0 {
		m.gain = covariance / viewVar
		if variance > 0 {
			m.correlation = covariance / math.Sqrt(variance*viewVar)
		}
	}
	if r.gg > 0 && s[6] > 0 {
		m.edges = s[5] / math.Sqrt(r.gg*s[6])
		m.strength = s[6] / r.gg
	}
	if m.correlation > 0.3 {
		scale := math.Sqrt(viewVar / variance)
		m.ex = (s[3]-mean*r.gx)*scale - r.gxv
		m.ey = (s[4]-mean*r.gy)*scale - r.gyv
	}
}

// sharpness is the median over the cells that resemble the view of how much of the finest structure is left, relative
// to the contrast, and the upper quartile of it; ok is false if there are too few.
func (c *comparison) sharpness(v *view, fine *[numCells]float64) (x, upper float64, ok bool) {
	var values [numCells]float64
	n := 0
	for i := range c.cells {
		m := &c.cells[i]
		if m.correlation < 0.6 || !(m.gain > 0.1) || v.cells[i].fine < minFine*v.cells[i].fineN {
			continue
		}
		values[n] = fine[i] / m.gain
		n++
	}
	if n < 6 {
		return 0, 0, false
	}
	sorted := values[:n]
	slices.Sort(sorted)
	return sorted[n/2], sorted[3*n/4], true
}

// minFine is the mean squared Laplacian that a cell needs for its sharpness to count.
const minFine = 20
