package tamper

// settling tells a picture that moves from one that has come to rest: it keeps the latest medians.
type settling struct {
	past  [settleOver][]int16 // a ring, the oldest at next
	next  int
	known int // of past
	diff  [numCells]float32
}

// settled is the difference of a cell, in grey levels beyond its noise, up to which it is at rest: people pass through
// it, and the light changes.
const settled = 4

// settleOver is the number of evaluations over which a picture at rest does not change: 1.2 s.
const settleOver = 3

func newSettling(pixels int) (s settling) {
	for i := range s.past {
		s.past[i] = make([]int16, pixels)
	}
	return s
}

// take adds a median and returns in how many of the grid's cells it differs from that of settleOver evaluations before
// by more than the noise, in grey levels; all of them as long as there is none.
func (s *settling) take(g *grid, median []int16, noise *[numCells]float32) (changed int) {
	changed = g.counted
	if s.known == settleOver {
		g.differences(&s.diff, median, s.past[s.next])
		changed = 0
		for i, d := range s.diff {
			if !g.masked[i] && d > noise[i]+settled {
				changed++
			}
		}
	}
	copy(s.past[s.next], median)
	s.next, s.known = (s.next+1)%settleOver, min(s.known+1, settleOver)
	return changed
}
