package pipeline

import (
	"math"
	"time"

	"vigil/model"
	"vigil/preprocess"
)

// Capacity is what this machine can score, measured with the cameras' own models.
type Capacity struct {
	Clip   time.Duration // to score a clip: the mean over the cameras
	Load   float64       // the share of this machine's time that the cameras ask for; above 1 clips are skipped
	FitHop int           // with every hop raised in proportion to this for the camera with the smallest hop, they fit
	FitFPS float64       // likewise with every frame rate lowered, for the fastest camera
}

// headroom is the share of the machine that scoring may take; decoding and publishing need the rest.
const headroom = 0.8

// Measure scores a blank clip with each model and adds up what the cameras will ask for. A camera whose rate is not set
// counts with the assumed frames a second.
func Measure(cameras []Camera, threads int, assumed float64) Capacity {
	cost := map[*model.Model]time.Duration{}
	var c Capacity
	var fastest float64
	smallest := math.MaxInt
	for _, cam := range cameras {
		m := cam.Model
		if cost[m] == 0 {
			cost[m] = timeClip(cam.Model, threads)
		}
		fps := cam.FPS
		if fps == 0 {
			fps = assumed
		}
		c.Clip += cost[m] / time.Duration(len(cameras))
		c.Load += cost[m].Seconds() * fps / float64(cam.Hop)
		fastest, smallest = max(fastest, fps), min(smallest, cam.Hop)
	}
	c.Load /= headroom
	over := max(1, c.Load)
	c.FitHop = int(math.Ceil(float64(smallest) * over))
	c.FitFPS = fastest / over
	return c
}

// timeClip is the better of two runs: the first one also touches the buffers.
func timeClip(m *model.Model, threads int) time.Duration {
	s := m.NewScorer(threads)
	defer s.Close()
	side := m.Spec().Side
	x := make([]float32, preprocess.Frames*side*side)
	best := time.Duration(math.MaxInt64)
	for range 2 {
		began := time.Now()
		// A model that cannot score a blank clip says so at its first real one, with the camera's name.
		_, _ = s.Score(x, nil)
		best = min(best, time.Since(began))
	}
	return max(best, 1)
}
