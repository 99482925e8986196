package pipeline

import (
	"context"
	"math"
	"time"

	"vigil/model"
	"vigil/video"
)

// Capacity is what this machine can score, measured with the cameras' own models.
type Capacity struct {
	Cameras int           // that need the scorer as frames come
	Clip    time.Duration // to score a clip: the mean over the cameras
	Load    float64       // the share of this machine's time that the cameras ask for; above 1 clips are skipped
	Fit     int           // how many such cameras this machine can score
	FitHop  int           // with every hop raised in proportion to this for the camera with the smallest hop, they fit
	FitFPS  float64       // likewise with every frame rate lowered, for the fastest camera
}

// headroom is the share of the machine that scoring may take; decoding and publishing need the rest.
const headroom = 0.8

// EstimateCapacity scores a blank clip with each model and adds up what the cameras will ask for. A camera whose rate is not
// set counts with the assumed frames a second; recordings that wait for the scorer ask for nothing. It stops early,
// with what it has, once ctx is done.
func EstimateCapacity(ctx context.Context, cameras []Camera, threads int, assumed float64) Capacity {
	cost := map[*model.Model]time.Duration{}
	var c Capacity
	var fastest float64
	smallest := math.MaxInt
	for _, cam := range cameras {
		if cam.Lossless || ctx.Err() != nil {
			continue
		}
		if cost[cam.Model] == 0 {
			cost[cam.Model] = timeClip(cam.Model, threads)
		}
		fps := cam.FPS
		if fps == 0 {
			fps = assumed
		}
		c.Cameras++
		c.Clip += cost[cam.Model]
		c.Load += cost[cam.Model].Seconds() * fps / float64(cam.Hop)
		fastest, smallest = max(fastest, fps), min(smallest, cam.Hop)
	}
	if c.Cameras == 0 {
		return c
	}
	c.Clip /= time.Duration(c.Cameras)
	c.Load /= headroom
	c.Fit = int(float64(c.Cameras) / c.Load)
	over := max(1, c.Load)
	c.FitHop = int(math.Ceil(float64(smallest) * over))
	c.FitFPS = fastest / over
	return c
}

// longClip is a clip that need not be timed twice: beside it, touching the buffers for the first time is nothing.
const longClip = time.Second

// timeClip is the better of two runs: the first one also touches the buffers.
func timeClip(m *model.Model, threads int) time.Duration {
	s := m.NewScorer(threads)
	defer s.Close()
	side := m.Spec().Side
	x := make([]float32, video.CuboidFrames*side*side)
	run := func() time.Duration {
		began := time.Now()
		// A model that cannot score a blank clip says so at its first real one, with the camera's name.
		_, _ = s.Score(x, nil)
		return max(time.Since(began), 1)
	}
	first := run()
	if first > longClip {
		return first
	}
	return min(first, run())
}
