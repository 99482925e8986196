package kinds

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"vigil/internal/median"
	"vigil/internal/synth"
)

const (
	// MinSeconds is the least length of a recording: 4 s before an anomaly, 2 s of it and 2 s after it.
	MinSeconds = 8
	// MaxBytes bounds a recording in memory: three minutes of 640x360 pixels at 25 frames a second.
	MaxBytes = 1 << 30
	// minSide is the least side of a picture in pixels: in less nothing can be told apart.
	minSide = 16
	// backgroundFrames is about how many frames the background is the median of.
	backgroundFrames = 100
	// maxNoise is the largest difference to the background, in grey levels, that may be noise of the sensor.
	maxNoise = 8
)

// errTooShort reports a recording of less than MinSeconds.
var errTooShort = errors.New("the recording is too short")

// Recording is a continuous grey recording of a place.
type Recording struct {
	synth.Video
	FPS float64
}

// frame is the t-th picture, [Height][Width].
func (r *Recording) frame(t int) []byte {
	area := r.Width * r.Height
	return r.Gray[t*area : (t+1)*area : (t+1)*area]
}

// Place is what a recording shows: the scene without moving objects, and who moves through it.
type Place struct {
	Recording
	background []byte // [Height][Width]
	light      []int  // mean difference of each frame to the background, in grey levels
	grid       grid
	objects    [][]box   // moving objects of each frame
	busy       []float32 // share of the frames in which a cell of the grid has one
	walks      []track
	size       perspective
	actors     map[int]*actor // of walks, by their index
}

// New looks at a recording, which must not be changed any more.
func New(r Recording) (*Place, error) {
	switch {
	case r.Width < minSide || r.Height < minSide:
		return nil, fmt.Errorf("pictures of %dx%d pixels: each side must have at least %d", r.Width, r.Height, minSide)
	case !(r.FPS >= 1 && r.FPS <= 240):
		return nil, fmt.Errorf("%v frames a second: must be from 1 to 240", r.FPS)
	case float64(r.Frames()) < MinSeconds*r.FPS:
		return nil, fmt.Errorf("%w: %.1f s, of which nothing can be made; at least %d s are needed", errTooShort,
			float64(r.Frames())/r.FPS, MinSeconds)
	}
	p := &Place{Recording: r, grid: newGrid(r.Width, r.Height), actors: map[int]*actor{}}
	var frames [][]byte
	step := max(float64(r.Frames())/backgroundFrames, 1)
	for t := 0.0; int(t) < r.Frames(); t += step {
		frames = append(frames, r.frame(int(t)))
	}
	p.background = make([]byte, r.Width*r.Height)
	median.Background(p.background, frames)
	p.look()
	return p, nil
}

// look finds the moving objects.
func (p *Place) look() {
	frames := p.Frames()
	p.light, p.objects = make([]int, frames), make([][]box, frames)
	p.busy = make([]float32, p.grid.cols*p.grid.rows)
	diff := p.grid.differences(p)
	set := make([]bool, len(p.busy))
	tracker := tracker{}
	for t := range frames {
		p.light[t] = diff(t, set)
		p.objects[t] = p.grid.objects(set)
		for i, on := range set {
			if on {
				p.busy[i] += 1 / float32(frames)
			}
		}
		tracker.add(t, p.objects[t])
	}
	p.walks = tracker.walks(p)
	p.size = fitPerspective(p, p.walks)
}

// noise is the sensor's noise of a pixel in a frame; 0 where something moves.
func (p *Place) noise(frame []byte, light, i int) int {
	d := int(frame[i]) - int(p.background[i]) - light
	if d > maxNoise || d < -maxNoise {
		return 0
	}
	return d
}

// meanDifference is the median difference of two pictures, of every 31st pixel.
func meanDifference(frame, background []byte) int {
	var counts [511]int
	n := 0
	for i := 0; i < len(frame); i += 31 {
		counts[int(frame[i])-int(background[i])+255]++
		n++
	}
	below := 0
	for d, c := range counts {
		if below += c; 2*below >= n {
			return d - 255
		}
	}
	return 0
}

// levels are the grey levels below which a share of the background lies.
func (p *Place) level(share float64) float64 {
	all := make([]byte, 0, len(p.background)/7+1)
	for i := 0; i < len(p.background); i += 7 {
		all = append(all, p.background[i])
	}
	slices.Sort(all)
	return float64(all[min(int(share*float64(len(all))), len(all)-1)])
}

// frames converts seconds.
func (p *Place) frames(seconds float64) int { return int(math.Round(seconds * p.FPS)) }
