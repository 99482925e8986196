package tamper

import "math"

// motion is a similarity in reduced pixels about the centre of the picture: what is at x in the view is at
// x + shift + turn*(-y, x) + zoom*(x, y) in the picture, for small angles.
type motion struct{ x, y, turn, zoom float64 }

// size is the root mean square displacement over the picture, as a fraction of its side.
func (m motion) size(g *grid) float64 {
	// The mean of x^2 over the side is w^2/12, so that of x^2 + y^2 is w^2/6.
	w := float64(g.w)
	return math.Sqrt(m.x*m.x+m.y*m.y+(m.turn*m.turn+m.zoom*m.zoom)*w*w/6) / w
}

// estimate is one step of Lucas and Kanade's registration (1981) with a similarity, over the cells that resemble the
// view. It is exact for small motions and too small for large ones.
func (c *comparison) estimate(g *grid, v *view) motion {
	// The normal equations of A d = -b per cell with d = J p, J = [1 0 -y x; 0 1 x y].
	var normal [4][5]float64
	cells := 0
	for cy := range Cells {
		for cx := range Cells {
			i := cy*Cells + cx
			m, r := &c.cells[i], &v.cells[i]
			if m.correlation < 0.5 || r.gg == 0 {
				continue
			}
			cells++
			x := float64(g.bound[cx]+g.bound[cx+1])/2 - float64(g.w)/2
			y := float64(g.bound[cy]+g.bound[cy+1])/2 - float64(g.w)/2
			// Every cell counts the same, whatever its contrast.
			a := 1 / (r.gg + r.n)
			rows := [2][4]float64{{1, 0, -y, x}, {0, 1, x, y}}
			matrix := [2][2]float64{{a * r.gxx, a * r.gxy}, {a * r.gxy, a * r.gyy}}
			right := [2]float64{-a * m.ex, -a * m.ey}
			for p := range 4 {
				for e := range 2 {
					for f := range 2 {
						for q := range 4 {
							normal[p][q] += rows[e][p] * matrix[e][f] * rows[f][q]
						}
					}
					normal[p][4] += rows[e][p] * right[e]
				}
			}
		}
	}
	if cells < 4 {
		return motion{}
	}
	p, ok := solve4(normal)
	if !ok {
		return motion{}
	}
	return motion{p[0], p[1], p[2], p[3]}
}

// solve4 solves four linear equations by Gauss's elimination with pivots.
func solve4(m [4][5]float64) (x [4]float64, ok bool) {
	for i := range 4 {
		best := i
		for r := i + 1; r < 4; r++ {
			if math.Abs(m[r][i]) > math.Abs(m[best][i]) {
				best = r
			}
		}
		m[i], m[best] = m[best], m[i]
		if !(math.Abs(m[i][i]) > 1e-9) {
			return x, false
		}
		for r := range 4 {
			if r == i {
				continue
			}
			f := m[r][i] / m[i][i]
			for c := i; c < 5; c++ {
				m[r][c] -= f * m[i][c]
			}
		}
	}
	for i := range x {
		x[i] = m[i][4] / m[i][i]
	}
	return x, true
}

// registration finds where a view has gone; it owns the memory that this needs.
type registration struct {
	warped *view // the view as the picture would see it; pix, gradients and sums only
	small  [2][]float32
}

func newRegistration(g *grid) registration {
	n := g.w / coarseStep
	return registration{newView(g), [2][]float32{make([]float32, n*n), make([]float32, n*n)}}
}

// coarseStep is the reduction of the exhaustive search.
const coarseStep = 3

// align refines m until the view, moved by it, lies over the picture, and compares the two into c.
func (r *registration) align(g *grid, v *view, picture []int16, m motion, c *comparison) motion {
	for range 6 {
		r.warp(g, v, m)
		c.compare(g, r.warped, picture)
		d := c.estimate(g, r.warped)
		m = motion{m.x + d.x, m.y + d.y, m.turn + d.turn, m.zoom + d.zoom}
		if d.size(g) < 0.0005 {
			break
		}
	}
	r.warp(g, v, m)
	c.compare(g, r.warped, picture)
	return m
}

// warp fills r.warped with the view moved by m, with bilinear interpolation; outside it continues its border.
func (r *registration) warp(g *grid, v *view, m motion) {
	w := g.w
	centre := float64(w-1) / 2
	// The inverse of a similarity 1+zoom, turn.
	a, b := 1+m.zoom, m.turn
	det := a*a + b*b
	for y := range w {
		py := float64(y) - centre - m.y
		for x := range w {
			px := float64(x) - centre - m.x
			sx := (a*px+b*py)/det + centre
			sy := (a*py-b*px)/det + centre
			sx, sy = max(0, min(float64(w)-1.001, sx)), max(0, min(float64(w)-1.001, sy))
			ix, iy := int(sx), int(sy)
			fx, fy := float32(sx-float64(ix)), float32(sy-float64(iy))
			i := iy*w + ix
			top := float32(v.pix[i])*(1-fx) + float32(v.pix[i+1])*fx
			low := float32(v.pix[i+w])*(1-fx) + float32(v.pix[i+w+1])*fx
			r.warped.pix[y*w+x] = int16(top*(1-fy) + low*fy)
		}
	}
	r.warped.derive(g)
}

// search finds roughly where the view has gone, by the correlation of reduced pictures at every shift of up to a
// quarter of the picture and at turns of up to 10 degrees.
func (r *registration) search(g *grid, v *view, picture []int16) motion {
	n := g.w / coarseStep
	highPass(r.small[0], v.pix, g.w, n)
	highPass(r.small[1], picture, g.w, n)
	for i := range n * n {
		if g.masked[min(i/n*Cells/n, Cells-1)*Cells+min(i%n*Cells/n, Cells-1)] {
			r.small[0][i], r.small[1][i] = 0, 0
		}
	}
	far := n / 4
	best, at := 0.0, motion{}
	for step := -4; step <= 4; step++ {
		reach := far
		if step != 0 {
			reach = 3
		}
		turn := float64(step) * 2.5 * math.Pi / 180
		for dy := -reach; dy <= reach; dy++ {
			for dx := -reach; dx <= reach; dx++ {
				if s := r.overlap(n, dx, dy, turn); s > best {
					best, at = s, motion{x: float64(dx) * coarseStep, y: float64(dy) * coarseStep, turn: turn}
				}
			}
		}
	}
	return at
}

// overlap is the correlation of the small pictures where they overlap after a motion.
func (r *registration) overlap(n, dx, dy int, turn float64) float64 {
	sin, cos := math.Sincos(turn)
	half := float64(n-1) / 2
	var product, a, b float32
	for y := range n {
		for x := range n {
			sx, sy := x-dx, y-dy
			if turn != 0 {
				px, py := float64(x-dx)-half, float64(y-dy)-half
				sx, sy = int(math.Round(cos*px+sin*py+half)), int(math.Round(cos*py-sin*px+half))
			}
			if sx < 0 || sy < 0 || sx >= n || sy >= n {
				continue
			}
			p, q := r.small[1][y*n+x], r.small[0][sy*n+sx]
			product += p * q
			a += p * p
			b += q * q
		}
	}
	if !(a > 0 && b > 0) {
		return 0
	}
	return float64(product) / math.Sqrt(float64(a)*float64(b))
}

// highPass reduces pix, [w][w], to out, [n][n], and subtracts the mean of 5x5 around each pixel.
func highPass(out []float32, pix []int16, w, n int) {
	mean := func(x, y int) float32 {
		s := 0
		for i := range coarseStep {
			for _, v := range pix[(coarseStep*y+i)*w+coarseStep*x:][:coarseStep] {
				s += int(v)
			}
		}
		return float32(s)
	}
	for y := range n {
		for x := range n {
			var around float32
			count := 0
			for v := max(0, y-2); v <= min(n-1, y+2); v++ {
				for u := max(0, x-2); u <= min(n-1, x+2); u++ {
					around += mean(u, v)
					count++
				}
			}
			out[y*n+x] = mean(x, y) - around/float32(count)
		}
	}
}
