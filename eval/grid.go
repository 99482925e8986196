package eval

import (
	"cmp"
	"slices"
)

// grid is a coarse version of an error map whose cells are added one after the other, from the highest error down.
type grid struct {
	n, side, width, height int
	area                   []int // of each cell, in pixels of the mask
	bins, order            []int // of each cell; cells from the highest bin down

	parent     []int   // of each cell; itself for a root, -1 for a cell that has not been added
	size       []int   // of a root's region, in pixels of the mask
	overlap    [][]int // of a root's region with each true one
	shares     [][]int // of each cell with each true one; nil for none
	truth      []int   // pixels of each true region
	detections []int   // found regions that detect each true one
	false      int     // found regions that detect none
}

// fit prepares the grid for maps and masks of a size.
func (g *grid) fit(side, width, height int) {
	if g.side == side && g.width == width && g.height == height {
		return
	}
	n := min(sweepGrid, side, width, height)
	*g = grid{
		n: n, side: side, width: width, height: height, area: make([]int, n*n), bins: make([]int, n*n),
		order:  make([]int, n*n),
		parent: make([]int, n*n), size: make([]int, n*n), overlap: make([][]int, n*n), shares: make([][]int, n*n),
	}
	for y := range height {
		for x := range width {
			g.area[g.cell(x, y)]++
		}
	}
}

// cell is where a pixel of the mask lies.
func (g *grid) cell(x, y int) int { return y*g.n/g.height*g.n + x*g.n/g.width }

// sweepDown adds the cells of a frame from the highest bin down, and calls change for the differences at each bin:
// falseBy is the change in the number of false regions, with region -1; or by is 1 or -1 for a labelled region that
// became detected or undetected.
func (g *grid) sweepDown(heat []float32, regions []region, change func(bin, falseBy, region, by int)) {
	clear(g.shares)
	g.truth, g.detections, g.false = make([]int, len(regions)), make([]int, len(regions)), 0
	for r, reg := range regions {
		g.truth[r] = len(reg.pixel)
		for _, i := range reg.pixel {
			c := g.cell(i%g.width, i/g.width)
			if g.shares[c] == nil {
				g.shares[c] = make([]int, len(regions))
			}
			g.shares[c][r]++
		}
	}
	for c := range g.order {
		x, y := (2*(c%g.n)+1)*g.side/(2*g.n), (2*(c/g.n)+1)*g.side/(2*g.n)
		g.bins[c], g.order[c], g.parent[c] = heatBin(heat[y*g.side+x]), c, -1
	}
	slices.SortFunc(g.order, func(a, b int) int { return cmp.Or(cmp.Compare(g.bins[b], g.bins[a]), a-b) })
	detected, before := make([]bool, len(regions)), 0
	for i, c := range g.order {
		g.addCell(c, len(regions))
		if i+1 < len(g.order) && g.bins[g.order[i+1]] == g.bins[c] {
			continue
		}
		if g.false != before {
			change(g.bins[c], g.false-before, -1, 0)
			before = g.false
		}
		for r, n := range g.detections {
			if now := n > 0; now != detected[r] {
				detected[r] = now
				by := -1
				if now {
					by = 1
				}
				change(g.bins[c], 0, r, by)
			}
		}
	}
}

// addCell adds a cell and joins it with its neighbours, including diagonal ones.
func (g *grid) addCell(c, regions int) {
	g.parent[c], g.size[c] = c, g.area[c]
	g.overlap[c] = slices.Grow(g.overlap[c][:0], regions)[:regions]
	clear(g.overlap[c])
	copy(g.overlap[c], g.shares[c])
	g.contribute(c, 1)
	x, y := c%g.n, c/g.n
	for ny := max(0, y-1); ny <= min(g.n-1, y+1); ny++ {
		for nx := max(0, x-1); nx <= min(g.n-1, x+1); nx++ {
			if j := ny*g.n + nx; g.parent[j] >= 0 {
				g.union(g.find(c), g.find(j))
			}
		}
	}
}

func (g *grid) find(c int) int {
	for g.parent[c] != c {
		g.parent[c] = g.parent[g.parent[c]]
		c = g.parent[c]
	}
	return c
}

func (g *grid) union(a, b int) {
	if a == b {
		return
	}
	if g.size[a] < g.size[b] {
		a, b = b, a
	}
	g.contribute(a, -1)
	g.contribute(b, -1)
	g.parent[b] = a
	g.size[a] += g.size[b]
	for r, n := range g.overlap[b] {
		g.overlap[a][r] += n
	}
	g.contribute(a, 1)
}

// contribute adds (1) or removes (-1) a found region's detections.
func (g *grid) contribute(root, by int) {
	on := false
	for r, common := range g.overlap[root] {
		if float64(common) >= overlapShare*float64(g.size[root]+g.truth[r]-common) {
			g.detections[r] += by
			on = true
		}
	}
	if !on {
		g.false += by
	}
}
