package kernel

// residualChunk is how many values of the map an item sums, frame after frame.
const residualChunk = 4096

// Residual fills sum, [n], with Σ over the frames of |y-x|, or of (y-x)² if square is set. y is [frames][n]; x is too,
// or [n] for all frames. A NaN or an infinity in either propagates to sum.
func Residual(p *Pool, set *Set, sum, y, x []float32, square bool) {
	p.error = residualStep{set: set, sum: sum, y: y, x: x, square: square}
	p.run(tiles(len(sum), residualChunk), &p.error)
	p.error = residualStep{}
}

// Errors are the sums of Residual, computed for each row of the last layer's result while that row is in the nearest
// cache. Sum is [height][width] of the result, or nil for none; X is [frames][height][width]. Skipped frames are not
// summed.
type Errors struct {
	Sum, X []float32
	Square bool
}

type residualStep struct {
	set       *Set
	sum, y, x []float32
	square    bool
}

func (s *residualStep) do(_ *worker, n int) {
	from := n * residualChunk
	to := min(from+residualChunk, len(s.sum))
	sum := s.sum[from:to]
	clear(sum)
	for at := 0; at < len(s.y); at += len(s.sum) {
		x := s.x[at%len(s.x):]
		s.set.Residual(sum, s.y[at+from:at+to], x[from:to], s.square)
	}
}
