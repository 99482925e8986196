package kinds

import (
	"cmp"
	"math"
	"slices"
)

const (
	// minOverlap is the least share of the smaller box by which two frames' boxes are taken for one object.
	minOverlap = 0.4
	// maxGrowth is the largest ratio of an object's area in two frames; where people meet or part it is larger.
	maxGrowth = 1.6
	// minWalk is the least length of a walk in seconds.
	minWalk = 0.8
	// Ratios of height to width of a person on foot, with the shadow.
	minUpright, maxUpright = 1.2, 4.5
	// minWay is the least way of a walk in heights of the person.
	minWay = 0.6
	// minSpeed is the least speed of a walk in heights a second.
	minSpeed = 0.2
)

// track is an object in consecutive frames.
type track struct {
	from  int
	boxes []box
}

func (k *track) last() box { return k.boxes[len(k.boxes)-1] }

// tracker follows objects from frame to frame.
type tracker struct{ open, closed []track }

func (k *tracker) add(t int, objects []box) {
	taken := make([]bool, len(objects))
	still := k.open[:0]
	for _, one := range k.open {
		best, at := 0.0, -1
		for i, b := range objects {
			was := one.last()
			area, wasArea := float64(b.width()*b.height()), float64(was.width()*was.height())
			share := float64(was.overlap(b)) / min(area, wasArea)
			if !taken[i] && share > best && max(area, wasArea) <= maxGrowth*min(area, wasArea) {
				best, at = share, i
			}
		}
		if best < minOverlap {
			k.closed = append(k.closed, one)
			continue
		}
		taken[at] = true
		one.boxes = append(one.boxes, objects[at])
		still = append(still, one)
	}
	k.open = still
	for i, b := range objects {
		if !taken[i] {
			k.open = append(k.open, track{from: t, boxes: []box{b}})
		}
	}
}

// walks are the tracks of one person on foot each, the best first.
func (k *tracker) walks(p *Place) (out []track) {
	all := slices.Concat(k.closed, k.open)
	k.closed, k.open = nil, nil
	for _, one := range all {
		one = one.inside(p)
		if float64(len(one.boxes)) < minWalk*p.FPS || len(one.boxes) < 6 {
			continue
		}
		h, w := one.medianSize()
		first, last := one.boxes[0], one.last()
		way := math.Hypot(float64(first.left+first.right-last.left-last.right)/2, float64(first.bottom-last.bottom))
		if h < minUpright*w || h > maxUpright*w || way < minWay*h ||
			way < minSpeed*h*float64(len(one.boxes))/p.FPS || h < float64(p.Height)/16 || h < 8 {
			continue
		}
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b track) int { return cmp.Compare(len(b.boxes), len(a.boxes)) })
	return out
}

// inside is the longest part of the track in which nothing of the object lies outside of the picture.
func (k track) inside(p *Place) track {
	edge := p.grid.cell
	best, from := track{}, 0
	for i := 0; i <= len(k.boxes); i++ {
		if i < len(k.boxes) {
			b := k.boxes[i]
			if b.left > edge && b.top > edge && b.right < p.grid.cols*edge-edge && b.bottom < p.grid.rows*edge-edge {
				continue
			}
		}
		if i-from > len(best.boxes) {
			best = track{k.from + from, k.boxes[from:i]}
		}
		from = i + 1
	}
	return best
}

func (k track) medianSize() (height, width float64) {
	var hs, ws []int
	for _, b := range k.boxes {
		hs, ws = append(hs, b.height()), append(ws, b.width())
	}
	slices.Sort(hs)
	slices.Sort(ws)
	return float64(hs[len(hs)/2]), float64(ws[len(ws)/2])
}
