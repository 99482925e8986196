package eval

import (
	"cmp"
	"slices"
)

const (
	// overlapShare is the least Jaccard index at which a found region detects a labelled one: Street Scene's β.
	overlapShare = 0.1
	// trackShare is the least share of a track's regions that must be found to detect the track: Street Scene's α.
	trackShare = 0.1
	// sweepGrid is the most cells on a side of the grid that regions are made of.
	sweepGrid = 64
)

// sweep counts, for every threshold at once, the detected labelled regions and the false regions.
//
// At a threshold, the found regions of a frame are the connected components of the cells whose error is at least the
// threshold. A labelled region is detected if a found one has a Jaccard index of at least β with it, in pixels of the
// mask; a found region that has this with no labelled one is false. Cells are added from the highest error down and
// joined with their neighbours (union-find), and the changes at a threshold are added to its bin, so each frame is
// processed once.
type sweep struct {
	false, hits  []int // what the counts change by at a bin, for the regions of masks
	trackFrames  int
	trackFalse   []int
	tracks       map[int]int   // the regions of each number of a track
	trackChanges []trackChange // of the tracks' regions
	grid         grid
}

// trackChange says that a region of a track becomes detected (1) or undetected (-1) when the threshold falls to a bin.
type trackChange struct{ bin, track, by int }

// criteria are what a frame's regions count for.
type criteria struct{ regions, tracks bool }

func (s *sweep) add(heat []float32, side int, mask *Mask, regions []region, of criteria) {
	if s.false == nil {
		s.false, s.hits, s.trackFalse, s.tracks = make([]int, bins), make([]int, bins), make([]int, bins), map[int]int{}
	}
	if of.tracks {
		s.trackFrames++
		for _, r := range regions {
			s.tracks[r.track]++
		}
	}
	s.grid.fit(side, mask.Width, mask.Height)
	s.grid.sweepDown(heat, regions, func(bin, falseBy int, region, by int) {
		if of.regions {
			s.false[bin] += falseBy
			s.hits[bin] += by
		}
		if of.tracks {
			s.trackFalse[bin] += falseBy
			if by != 0 {
				s.trackChanges = append(s.trackChanges, trackChange{bin, regions[region].track, by})
			}
		}
	})
}

// rbdc is the region-based detection criterion.
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

// tbdc is the track-based detection criterion, and the number of tracks. root gives the number that stands for the
// whole of a track.
func (s *sweep) tbdc(root func(track int) int) (Number, int) {
	if len(s.tracks) == 0 {
		return nan, 0
	}
	tracks := map[int]int{}
	for number, n := range s.tracks {
		tracks[root(number)] += n
	}
	slices.SortStableFunc(s.trackChanges, func(a, b trackChange) int { return cmp.Compare(b.bin, a.bin) })
	var a stepIntegral
	falses, found, next := 0, 0, 0
	hits := map[int]int{}
	is := func(track int) bool {
		return float64(hits[track]) >= trackShare*float64(tracks[track]) && hits[track] > 0
	}
	for b := bins - 1; b >= 0 && !a.full(); b-- {
		falses += s.trackFalse[b]
		for ; next < len(s.trackChanges) && s.trackChanges[next].bin == b; next++ {
			t := s.trackChanges[next]
			track := root(t.track)
			if is(track) {
				found--
			}
			hits[track] += t.by
			if is(track) {
				found++
			}
		}
		a.point(float64(falses)/float64(s.trackFrames), float64(found)/float64(len(tracks)))
	}
	return a.done(), len(tracks)
}

// stepIntegral is the area under a rate as a function of the false regions per frame, from 0 to 1: at x, the best rate
// reached before the false regions exceeded x. Neither count is monotonic as the threshold falls, since regions merge.
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
