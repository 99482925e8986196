package eval

import (
	"fmt"
	"math"

	"vigil/model/kernel"
)

// Pixels measures how well the error maps localise anomalies, over the centre frames of the full clips at hop 1 that
// have a mask, with unscaled errors.
type Pixels struct {
	// AUC is the area under one ROC over all pixels of all frames.
	AUC Number `json:"auc"` // of all pixels of all frames in one ROC
	// RBDC and TBDC are the region- and the track-based detection criterion (Ramachandra and Jones, "Street Scene",
	// WACV 2020): the area under the share of true regions, or tracks, detected against the false regions a frame,
	// from 0 to 1 of those. Tracks are a video's track file or, without one, made of its masks (maskTracks).
	RBDC    Number `json:"rbdc"`
	TBDC    Number `json:"tbdc"`
	Frames  int    `json:"frames"`
	Regions int    `json:"regions"`
	Tracks  int    `json:"tracks"`
	Videos  int    `json:"videos"` // that have masks

	pos, neg []int64 // mask pixels, by bin of the map's value
	sweep    sweep
	smooth   smoother

	tracks     maskTracks
	fileTracks map[int]int // the number of each track of the current video's file; nil without one
	trackFiles int         // videos that have one
}

// startVideo begins a video that has masks; hasTracks says that it has a track file.
func (p *Pixels) startVideo(hasTracks bool) {
	p.tracks.startVideo()
	p.fileTracks = nil
	if hasTracks {
		p.fileTracks = map[int]int{}
		p.trackFiles++
	}
}

// skip takes a mask of the video whose frame has no error map, so that tracks go on over it.
func (p *Pixels) skip(mask *Mask) {
	if p.fileTracks == nil {
		p.tracks.follow(mask)
	}
}

// Errors are binned by the leading bits of their float32: 2¹¹ bins per doubling, so that values in a bin differ by less
// than 0.05 %. Values in a bin count as equal.
const (
	binShift = 12
	bins     = 1 << (31 - binShift)
)

func heatBin(v float32) int { return int(math.Float32bits(max(v, 0)) >> binShift) }

// add takes the error map [side][side] of the video's next frame with its mask, and the frame's boxes of the track
// file, if there is one.
func (p *Pixels) add(heat []float32, mask *Mask, tracked []Box) error {
	side := int(math.Sqrt(float64(len(heat))))
	if side*side != len(heat) || side == 0 {
		return fmt.Errorf("an error map of %d values is not square", len(heat))
	}
	if p.pos == nil {
		p.pos, p.neg = make([]int64, bins), make([]int64, bins)
	}
	heat = p.smooth.mean(heat, side, max(1, side/16))
	for y := range mask.Height {
		row := heat[y*side/mask.Height*side:]
		for x, on := range mask.Abnormal[y*mask.Width : (y+1)*mask.Width] {
			b := heatBin(row[x*side/mask.Width])
			if on {
				p.pos[b]++
			} else {
				p.neg[b]++
			}
		}
	}
	p.Frames++
	if p.fileTracks == nil {
		regions := p.tracks.follow(mask)
		p.Regions += len(regions)
		p.sweep.add(heat, side, mask, regions, criteria{regions: true, tracks: true})
		return nil
	}
	regions := mask.regions()
	p.Regions += len(regions)
	p.sweep.add(heat, side, mask, regions, criteria{regions: true})
	boxes, err := boxRegions(tracked, mask)
	if err != nil {
		return err
	}
	for i, b := range boxes {
		// Files of different videos may have the same numbers.
		number, known := p.fileTracks[b.track]
		if !known {
			number = p.tracks.add()
			p.fileTracks[b.track] = number
		}
		boxes[i].track = number
	}
	p.sweep.add(heat, side, mask, boxes, criteria{tracks: true})
	return nil
}

// finish computes the figures.
func (p *Pixels) finish() {
	p.AUC, p.RBDC, p.TBDC = nan, nan, nan
	if p.Frames == 0 {
		return
	}
	t := histogram{pos: make([]int, bins), neg: make([]int, bins)}
	for i := range p.pos {
		t.pos[i], t.neg[i] = int(p.pos[i]), int(p.neg[i])
		t.p += t.pos[i]
		t.n += t.neg[i]
	}
	p.AUC = Number(t.auc())
	p.RBDC = p.sweep.rbdc(p.Frames, p.Regions)
	p.TBDC, p.Tracks = p.sweep.tbdc(p.tracks.root)
}

// smoother computes means over squares.
type smoother struct {
	table *kernel.SummedArea
	out   []float32
}

// mean returns, for each pixel of the map [side][side], the mean over those of the window x window pixels around it
// that lie inside the picture. It is valid until the next call.
func (s *smoother) mean(heat []float32, side, window int) []float32 {
	if len(s.out) != len(heat) {
		s.table, s.out = kernel.NewSummedArea(side), make([]float32, len(heat))
	}
	s.table.Fill(heat)
	for y := range side {
		top, bottom := max(0, y-(window-1)/2), min(side, y+window/2+1)
		for x := range side {
			left, right := max(0, x-(window-1)/2), min(side, x+window/2+1)
			topLeft, topRight, bottomLeft, bottomRight := s.table.Corners(left, top, right, bottom)
			sum := bottomRight - topRight - bottomLeft + topLeft
			s.out[y*side+x] = float32(sum / float64((bottom-top)*(right-left)))
		}
	}
	return s.out
}
