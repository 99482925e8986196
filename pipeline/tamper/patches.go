package tamper

import "math"

// blocks is the number of blocks along a side, in which paint on the lens is told from a thing before it.
const blocks = 24

// patches is what became of the view's edges in each block.
type patches [blocks * blocks]blockState

type blockState uint8

const (
	edgeless blockState = iota // the view has no edges there
	seen                       // the view's edges are there
	replaced                   // by other edges
	erased                     // by nothing
)

const (
	// blockEdges is the mean squared gradient that a block needs, in grey levels.
	blockEdges = 2.5
	// A block is erased if its edges have less than this part of the view's energy.
	erasedPart = 0.12
	// patchStep is the distance at which blocks are compared, about the radius of a patch and its border.
	patchStep = 4
	// A block is seen if its edges follow the view's with at least this coefficient and this correlation.
	seenGain, seenLikeness = 0.3, 0.6
)

// erasure returns the share of blocks with edges that are erased, and how ragged they are: the part of the pairs of
// blocks patchStep apart, each erased or seen, that are one of each. One compact thing before the camera leaves most
// pairs alike; paint lies in patches all over the picture.
func (p *patches) erasure(g *grid, v *view, picture []int16) (share, ragged float64) {
	structured, area := 0, 0
	for by := range blocks {
		for bx := range blocks {
			s := blockOf(g, v, picture, bx, by)
			p[by*blocks+bx] = s
			if s != edgeless {
				structured++
			}
			if s == erased {
				area++
			}
		}
	}
	mixed, pairs := 0, 0
	count := func(a, b blockState) {
		if a >= seen && b >= seen && a != replaced && b != replaced {
			pairs++
			if a != b {
				mixed++
			}
		}
	}
	for i, s := range p {
		if i%blocks+patchStep < blocks {
			count(s, p[i+patchStep])
		}
		if i+patchStep*blocks < len(p) {
			count(s, p[i+patchStep*blocks])
		}
	}
	return float64(area) / float64(max(structured, 1)), float64(mixed) / float64(max(pairs, 1))
}

func blockOf(g *grid, v *view, picture []int16, bx, by int) blockState {
	w := g.w
	var own, usual, product int64
	n := int64(0)
	for y := max(1, by*w/blocks); y < min(w-1, (by+1)*w/blocks); y++ {
		for x := max(1, bx*w/blocks); x < min(w-1, (bx+1)*w/blocks); x++ {
			i := y*w + x
			mx, my := int64(picture[i+1]-picture[i-1]), int64(picture[i+w]-picture[i-w])
			gx, gy := 2*int64(v.gx[i]), 2*int64(v.gy[i])
			own += mx*mx + my*my
			usual += gx*gx + gy*gy
			product += mx*gx + my*gy
			n++
		}
	}
	// Gradients are twice those of a pixel.
	switch o, u, pr := float64(own), float64(usual), float64(product); {
	case u < 4*blockEdges*level*level*float64(n):
		return edgeless
	case o < erasedPart*u:
		return erased
	case pr > seenGain*u && pr > seenLikeness*math.Sqrt(o*u):
		return seen
	default:
		return replaced
	}
}
