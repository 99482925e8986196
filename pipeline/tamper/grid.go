package tamper

import "time"

const (
	// Cells is the number of cells along a side of the picture; each is checked by itself.
	Cells    = 8
	numCells = Cells * Cells

	// sampleEvery is the least stream time between two pictures that are looked at, less some jitter.
	sampleEvery = 200*time.Millisecond - 20*time.Millisecond
	// window is the number of samples in the temporal median: about a second.
	window = 5

	// level is the fixed point of reduced pictures: 16 to a grey level.
	level = 16
)

// grid maps a picture of side x side to a reduced one of w x w pixels, 64 to 128, and to cells.
type grid struct {
	side, k, w int
	bound      [Cells + 1]int // of the cells, in reduced pixels
	masked     [numCells]bool // cells with an ignored pixel: they do not count
	counted    int            // the other cells
	open       float64        // share of the pixels that are not ignored
}

// newGrid returns the grid of pictures of side x side; ignore, [side][side], marks pixels that do not count, nil for
// none.
func newGrid(side int, ignore []bool) grid {
	g := grid{side: side, k: max(1, (side+48)/96), counted: numCells, open: 1}
	g.w = side / g.k
	for i := range g.bound {
		g.bound[i] = i * g.w / Cells
	}
	for i, off := range ignore {
		if !off {
			continue
		}
		g.open -= 1 / float64(side*side)
		if c := g.cellOf(i%side, i/side); !g.masked[c] {
			g.masked[c] = true
			g.counted--
		}
	}
	return g
}

// reduce averages blocks of k x k pixels of a picture into out, [w][w], in 1/level of a grey level.
func (g *grid) reduce(out []int16, picture []byte) {
	side, k, w := g.side, g.k, g.w
	for y := range w {
		dst := out[y*w:][:w]
		switch k {
		case 1:
			for x, v := range picture[y*side:][:w] {
				dst[x] = int16(v) * level
			}
		case 2:
			a, b := picture[2*y*side:][:2*w], picture[(2*y+1)*side:][:2*w]
			for x := range dst {
				s := int16(a[2*x]) + int16(a[2*x+1]) + int16(b[2*x]) + int16(b[2*x+1])
				dst[x] = s * (level / 4)
			}
		default:
			for x := range dst {
				s := 0
				for i := range k {
					for _, v := range picture[(k*y+i)*side+k*x:][:k] {
						s += int(v)
					}
				}
				dst[x] = int16((s*level + k*k/2) / (k * k))
			}
		}
	}
}

// median5 fills out with the median of the five samples at each pixel.
func median5(out []int16, s *[window][]int16) {
	n := len(out)
	a, b, c, d, e := s[0][:n], s[1][:n], s[2][:n], s[3][:n], s[4][:n]
	for i := range out {
		f := max(min(a[i], b[i]), min(c[i], d[i]))
		g := min(max(a[i], b[i]), max(c[i], d[i]))
		out[i] = max(min(f, g), min(max(f, g), e[i]))
	}
}

// differences fills out with the mean absolute difference of two reduced pictures in each cell, in grey levels.
func (g *grid) differences(out *[numCells]float32, a, b []int16) {
	w := g.w
	for cy := range Cells {
		var sums [Cells]int32
		for y := g.bound[cy]; y < g.bound[cy+1]; y++ {
			p, q := a[y*w:][:w], b[y*w:][:w]
			for cx := range Cells {
				var s int32
				from, to := g.bound[cx], g.bound[cx+1]
				qq := q[from:to]
				for i, v := range p[from:to] {
					d := int32(v) - int32(qq[i])
					s += max(d, -d)
				}
				sums[cx] += s
			}
		}
		rows := g.bound[cy+1] - g.bound[cy]
		for cx, s := range sums {
			out[cy*Cells+cx] = float32(s) / float32(level*rows*(g.bound[cx+1]-g.bound[cx]))
		}
	}
}

// sampler takes a picture at most every sampleEvery and keeps the last of them, reduced.
type sampler struct {
	grid
	ring   [window][]int16
	next   int // in ring
	filled int
	last   time.Duration
	median []int16
}

func newSampler(side int, ignore []bool) sampler {
	s := sampler{grid: newGrid(side, ignore)}
	for i := range s.ring {
		s.ring[i] = make([]int16, s.w*s.w)
	}
	s.median = make([]int16, s.w*s.w)
	return s
}

// due says whether the picture at this time is to be taken; a gap, or time that stands still or goes back, empties the
// ring.
func (s *sampler) due(at time.Duration, gap bool) bool {
	if gap || s.filled > 0 && (at < s.last || at-s.last > maxPause) {
		s.filled = 0
	}
	return s.filled == 0 || at-s.last >= sampleEvery
}

// maxPause is the longest time between two samples that still belong together.
const maxPause = 2 * time.Second

// take adds a picture and returns it, reduced, and the one before; that is nil at first.
func (s *sampler) take(picture []byte, at time.Duration) (now, before []int16) {
	if s.filled > 0 {
		before = s.ring[(s.next+window-1)%window]
	}
	now = s.ring[s.next]
	s.reduce(now, picture)
	s.next = (s.next + 1) % window
	s.filled = min(s.filled+1, window)
	s.last = at
	return now, before
}
