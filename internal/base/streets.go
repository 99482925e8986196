// Package base makes the training videos of base weights: drawn streets with many views, sizes, light and weather, and
// recordings of real places; grey pictures of the model's side at its default rate come out. Every draw depends only on
// the seed and the street's number.
package base

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"vigil/internal/scene"
	"vigil/model/train"
)

// FPS is the frame rate of the streets.
const FPS = train.DefaultFPS

const (
	drawnWidth, drawnHeight = 192, 144
	// skippedSeconds are not taken from the beginning of a street, at which nobody is in view yet.
	skippedSeconds = 30
)

// Street draws so many frames of the n-th street of a seed.
func Street(ctx context.Context, seed uint64, n, frames, side int) (train.Video, error) {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	video := train.Video{
		Name: fmt.Sprintf("street %d", n), Place: fmt.Sprintf("street %d of seed %d", n, seed),
		Width: side, Height: side, Side: side, Gray: make([]byte, frames*side*side),
	}
	street, err := scene.New(scene.Config{
		Seed: r.Uint64(), Day: uint64(n), Width: drawnWidth, Height: drawnHeight, FPS: FPS, View: view(r),
		Calm: math.Exp(uniform(r, math.Log(0.35), math.Log(2.5))), Screen: r.Float64() < 0.15, Clean: true,
	})
	if err != nil {
		return video, err
	}
	lens, look := newLens(r, side), newLook(r, side)
	var bgr []byte
	grey := make([]byte, drawnWidth*drawnHeight)
	for f := range frames {
		if err := ctx.Err(); err != nil {
			return video, err
		}
		bgr = street.Frame(skippedSeconds*FPS+f, bgr)
		for i := range grey {
			// BT.601, as OpenCV and cameras have it.
			grey[i] = byte((int(bgr[3*i])*1868 + int(bgr[3*i+1])*9617 + int(bgr[3*i+2])*4899 + 1<<13) >> 14)
		}
		look.apply(video.Gray[f*side*side:][:side*side], lens, grey, f)
	}
	return video, nil
}

// view looks at the middle of the street from anywhere in front of it: people are 1/13 to 1/3 of the frame high.
func view(r *rand.Rand) scene.View {
	const streetAt = 18.8 // metres from the camera
	v := scene.View{Height: uniform(r, 4, 14), Focal: math.Exp(uniform(r, 0, math.Log(3.2)))}
	v.Pitch = math.Atan(v.Height/streetAt)*180/math.Pi + uniform(r, -4, 3)/v.Focal
	return v
}

func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
