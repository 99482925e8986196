package train

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
	counts := make([][256]uint32, area)
	seen := uint32(0)
	frame := 0
	for i := range videos {
		for f := range videos[i].Frames() {
			if frame%every == 0 {
				for at, v := range videos[i].Gray[f*area:][:area] {
					counts[at][v]++
				}
				seen++
			}
			frame++
		}
	}
	for at := range out {
		below, v := uint32(0), 0
		for below += counts[at][v]; 2*below < seen; below += counts[at][v] {
			v++
		}
		out[at] = scaledGrey[v]
	}
}
