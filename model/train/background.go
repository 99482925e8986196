package train

import "vigil/internal/median"

// backgroundFrames is about how many frames the background is the median of.
const backgroundFrames = 1000

// background fills out, [S][S], with the median over time of the videos' pixels, in [-1, 1]: the scene without moving
// objects.
func background(out []float32, videos []Video) {
	area, total := len(out), 0
	for i := range videos {
		total += videos[i].Frames()
	}
	every := max(total/backgroundFrames, 1)
	var frames [][]byte
	frame := 0
	for i := range videos {
		for f := range videos[i].Frames() {
			if frame%every == 0 {
				frames = append(frames, videos[i].Gray[f*area:][:area])
			}
			frame++
		}
	}
	levels := make([]byte, area)
	median.Background(levels, frames)
	for i, level := range levels {
		out[i] = scaledGrey[level]
	}
}
