package kinds

import "vigil/geometry"

// boxMean is the mean over a square of 2*radius+1 pixels, clipped at the edges.
func boxMean(values []float32, w, h, radius int) []float32 {
	rows := make([]float32, len(values))
	for y := range h {
		line(rows[y*w:], values[y*w:], w, 1, radius)
	}
	out := make([]float32, len(values))
	for x := range w {
		line(out[x:], rows[x:], h, w, radius)
	}
	return out
}

// line is the running mean of n values that lie stride apart.
func line(to, from []float32, n, stride, radius int) {
	sum, count := float32(0), 0
	for i := range min(radius, n) {
		sum += from[i*stride]
		count++
	}
	for i := range n {
		if j := i + radius; j < n {
			sum += from[j*stride]
			count++
		}
		if j := i - radius - 1; j >= 0 {
			sum -= from[j*stride]
			count--
		}
		to[i*stride] = sum / float32(count)
	}
}

// blur is nearly a Gaussian blur: three running means of a radius.
func blur(picture []byte, w, h, radius int) []float32 {
	out := make([]float32, len(picture))
	for i, v := range picture {
		out[i] = float32(v)
	}
	for range 3 {
		out = boxMean(out, w, h, radius)
	}
	return out
}

// largest is the largest connected part of a raster.
func largest(set []bool, width int) (best []int) {
	for _, part := range geometry.Components(set, width, true) {
		if len(part) > len(best) {
			best = part
		}
	}
	return best
}
