package eval

import (
	"cmp"
	"slices"
)

const (
	// overlapShare is the Jaccard index from which a found region counts as on a true one: Street Scene's β.
	overlapShare = 0.1
	// trackShare is the share of a track's regions that must be found for the track to be: Street Scene's α.
	trackShare = 0.1
	// sweepGrid is the most cells on a side that regions are made of.
	sweepGrid = 64
)

// sweep counts, for every threshold at once, the true regions that are detected and the false ones.
//
// At a threshold, the found regions of a frame are the connected cells whose error is at least it. A true region is
// detected if a found one has a Jaccard index of at least β with it, in pixels of the mask; a found one that has that
// with no true region is false. Cells enter from the highest error down and join their neighbours (union-find), and
// what changes at a threshold goes into its bin; so each frame is looked at once.
type sweep struct {
	false, hits  []int // what the counts change by at a bin, for the regions of masks
	trackFrames  int
	trackFalse   []int
	tracks       map[int]int   // the regions of each track
	trackChanges []trackChange // of the tracks' regions
	grid         grid
}

// trackChange is a region of a track that becomes detected (1) or no longer is (-1) when the threshold falls to a bin.
type trackChange struct{ bin, track, by int }

func (s *sweep) add(heat []float32, side int, mask *Mask, regions []region, tracked bool) {
	if s.false == nil {
		s.false, s.hits, s.trackFalse, s.tracks = make([]int, bins), make([]int, bins), make([]int, bins), map[int]int{}
	}
	falses := s.false
	if tracked {
		falses = s.trackFalse
		s.trackFrames++
		for _, r := range regions {
			s.tracks[r.track]++
		}
	}
	s.grid.fit(side, mask.Width, mask.Height)
	s.grid.sweepDown(heat, regions, func(bin, falseBy int, region, by int) {
		falses[bin] += falseBy
		switch {
		case by != 0 && tracked:
			s.trackChanges = append(s.trackChanges, trackChange{bin, regions[region].track, by})
		case by != 0:
			s.hits[bin] += by
		}
	})
}

// rbdc is the area for regions.
func (s *sweep) rbdc(frames, regions int) Number {
	if regions == 0 {
		return nan
	}
	var a stepIntegral
	falses, hits := 0, 0
	for b := bins - 1; b >= 0 && !a.full(); b-- {
		falses += s.false[b]
		hits += s.hits[b]
		a.point(float64(falses)/float64(frames), float64(hits)/float64(regions))
	}
	return a.done()
}

// tbdc is the area for tracks, and their number.
func (s *sweep) tbdc() (Number, int) {
	if len(s.tracks) == 0 {
		return nan, 0
	}
	slices.SortStableFunc(s.trackChanges, func(a, b trackChange) int { return cmp.Compare(b.bin, a.bin) })
	var a stepIntegral
	falses, found, next := 0, 0, 0
	hits := map[int]int{}
	is := func(track int) bool {
		return float64(hits[track]) >= trackShare*float64(s.tracks[track]) && hits[track] > 0
	}
	for b := bins - 1; b >= 0 && !a.full(); b-- {
		falses += s.trackFalse[b]
		for ; next < len(s.trackChanges) && s.trackChanges[next].bin == b; next++ {
			t := s.trackChanges[next]
			if is(t.track) {
				found--
			}
			hits[t.track] += t.by
			if is(t.track) {
				found++
			}
		}
		a.point(float64(falses)/float64(s.trackFrames), float64(found)/float64(len(s.tracks)))
	}
	return a.done(), len(s.tracks)
}

// stepIntegral adds up the area under the best rate reached while the threshold falls and the false regions a frame have not
// yet been more than x, for x from 0 to 1. Neither count only grows as the threshold falls: regions flow together.
type stepIntegral struct{ x, best, sum float64 }

func (a *stepIntegral) full() bool { return a.x >= 1 }

func (a *stepIntegral) point(falseRate, rate float64) {
	if falseRate > a.x {
		a.sum += (min(falseRate, 1) - a.x) * a.best
		a.x = falseRate
	}
	a.best = max(a.best, rate)
}

func (a *stepIntegral) done() Number {
	return Number(a.sum + max(0, 1-a.x)*a.best)
}
