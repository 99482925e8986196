package kernel

// The other functions of a Set: passes over rows, in pure Go. They are the reference for the assembly of the other
// sets.

// transpose writes lanes rows of lanes values, srcStep apart, as columns, dstStep apart.
func transpose(lanes int) func(dst []float32, dstStep int, src []float32, srcStep int) {
	return func(dst []float32, dstStep int, src []float32, srcStep int) {
		for r := range lanes {
			for c, v := range src[r*srcStep:][:lanes] {
				dst[c*dstStep+r] = v
			}
		}
	}
}

// merge fills dst, [2n], with sums of rows of base: dst[2i] of those that begin at even, dst[2i+1] of those at odd,
// and a bias in both; or adds these to dst.
func merge(dst, base []float32, even, odd []int32, bias float32, add bool) {
	for i := range len(dst) / 2 {
		a, b := bias, bias
		for _, at := range even {
			a += base[int(at)+i]
		}
		for _, at := range odd {
			b += base[int(at)+i]
		}
		if add {
			a, b = dst[2*i]+a, dst[2*i+1]+b
		}
		dst[2*i], dst[2*i+1] = a, b
	}
}

// sumSquares adds the pixels of u to sum and their squares to square, [channels] each.
func sumSquares(sum, square, u []float32) {
	for ; len(u) >= len(sum); u = u[len(sum):] {
		row, square := u[:len(sum)], square[:len(sum)]
		for c, x := range row {
			sum[c] += x
			square[c] += x * x
		}
	}
}

// scaleShift computes y = LeakyReLU(u·scale + shift).
func scaleShift(y, u, scale, shift []float32, slope float32) {
	for ; len(u) >= len(scale); u, y = u[len(scale):], y[len(scale):] {
		row, out, shift := u[:len(scale)], y[:len(scale)], shift[:len(scale)]
		for c, k := range scale {
			v := row[c]*k + shift[c]
			out[c] = max(v, slope*v)
		}
	}
}

// gatherSums turns g, the gradient of LeakyReLU(u·scale + shift), into that of its argument, and adds it to sum and its
// products with u to along.
func gatherSums(g, u, scale, shift, sum, along []float32, slope float32) {
	for ; len(u) >= len(scale); u, g = u[len(scale):], g[len(scale):] {
		row, grad, shift := u[:len(scale)], g[:len(scale)], shift[:len(scale)]
		sum, along := sum[:len(scale)], along[:len(scale)]
		for c, k := range scale {
			x, d := row[c], grad[c]
			if x*k+shift[c] < 0 {
				d *= slope
			}
			grad[c] = d
			sum[c] += d
			along[c] += d * x
		}
	}
}

// spreadBack computes g = g·own - u·along + all.
func spreadBack(g, u, own, along, all []float32) {
	for ; len(u) >= len(own); u, g = u[len(own):], g[len(own):] {
		row, grad, along, all := u[:len(own)], g[:len(own)], along[:len(own)], all[:len(own)]
		for c, k := range own {
			grad[c] = grad[c]*k + all[c] - row[c]*along[c]
		}
	}
}
