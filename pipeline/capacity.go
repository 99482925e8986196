package pipeline

import (
	"context"
	"math"
	"time"

	"vigil/model"
	"vigil/video"
)

// Capacity is the measured scoring capacity of this machine with the cameras' own models.
type Capacity struct {
	Cameras int           // scored in real time
	Clip    time.Duration // mean time to score a clip, over the cameras
	Load    float64       // share of this machine's time that the cameras need; above 1 clips are skipped
	Fit     int           // number of such cameras that this machine can score
	FitHop  int           // they fit with this as the smallest hop, if all hops are raised in proportion
	FitFPS  float64       // they fit with this as the highest frame rate, if all rates are lowered in proportion
}

// headroom is the share of the machine available for scoring; decoding and publishing need the rest.
const headroom = 0.8

// EstimateCapacity times a blank clip with each model and adds up the cameras' load. A camera without a set rate counts
// with assumed frames a second; lossless recordings do not count. It returns early with a partial result once ctx is
// done.
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

// longClip is the duration from which one measurement suffices: the first use of the buffers no longer matters.
const longClip = time.Second

// timeClip returns the shorter of two runs, since the first one also touches the buffers for the first time.
func timeClip(m *model.Model, threads int) time.Duration {
	s := m.NewScorer(threads)
	defer s.Close()
	side := m.Spec().Side
	x := make([]float32, video.CuboidFrames*side*side)
	run := func() time.Duration {
		began := time.Now()
		// If the model cannot score a blank clip, the first real clip reports it with the camera's name.
		_, _ = s.Score(x, nil)
		return max(time.Since(began), 1)
	}
	first := run()
	if first > longClip {
		return first
	}
	return min(first, run())
}
