package kernel

// Loss is the mean over all values of (y-x)², or of -min((y-x)², limit) where the mask is 1: there a good
// reconstruction is penalised. y and x are [clips][frames][area], the mask is [clips][area] of 0 and 1.
type Loss struct {
	clips, frames, area int
	limit               float32
	partial             []float64 // [clips·frames]
	step                lossStep
}

// NewLoss prepares the loss of a batch of clips.
func NewLoss(clips, frames, area int, limit float32) *Loss {
	l := &Loss{clips: clips, frames: frames, area: area, limit: limit, partial: make([]float64, clips*frames)}
	l.step.loss = l
	return l
}

// Forward computes the loss. A NaN or an infinity in y or x propagates to it.
func (l *Loss) Forward(p *Pool, y, x, mask []float32) float64 {
	l.step.run(p, nil, y, x, mask, 0)
	var sum float64
	for _, v := range l.partial {
		sum += v
	}
	return sum / float64(l.clips*l.frames*l.area)
}

// Backward writes the gradient with respect to y, times factor, to d.
func (l *Loss) Backward(p *Pool, d, y, x, mask []float32, factor float64) {
	l.step.run(p, d, y, x, mask, float32(2*factor/float64(l.clips*l.frames*l.area)))
}

type lossStep struct {
	loss          *Loss
	d, y, x, mask []float32
	factor        float32
}

func (s *lossStep) run(p *Pool, d, y, x, mask []float32, factor float32) {
	s.d, s.y, s.x, s.mask, s.factor = d, y, x, mask, factor
	p.run(s.loss.clips*s.loss.frames, s)
	*s = lossStep{loss: s.loss}
}

func (s *lossStep) do(_ *worker, frame int) {
	l := s.loss
	y, x := s.y[frame*l.area:][:l.area], s.x[frame*l.area:][:l.area]
	mask := s.mask[frame/l.frames*l.area:][:l.area]
	if s.d != nil {
		d := s.d[frame*l.area:][:l.area]
		for i, v := range y {
			r := v - x[i]
			d[i] = r * s.factor
			if mask[i] != 0 {
				d[i] = -d[i]
				if r*r > l.limit {
					d[i] = 0
				}
			}
		}
		return
	}
	var sum float64
	for i, v := range y {
		r := v - x[i]
		square := r * r
		if mask[i] != 0 {
			if square > l.limit {
				square = l.limit
			}
			square = -square
		}
		sum += float64(square)
	}
	l.partial[frame] = sum
}

// sumChunk is how many values one thread sums at a time.
const sumChunk = 1 << 14

// Sum is the sum of values. Threads sum chunks, whose sums are added in order.
func Sum(p *Pool, values []float32) float64 {
	chunks := make([]float64, tiles(len(values), sumChunk))
	p.Each(len(chunks), func(n int) {
		part := values[n*sumChunk : min((n+1)*sumChunk, len(values))]
		// Four independent sums hide the latency of an addition.
		var a, b, c, d float64
		for ; len(part) >= 4; part = part[4:] {
			a, b, c, d = a+float64(part[0]), b+float64(part[1]), c+float64(part[2]), d+float64(part[3])
		}
		for _, v := range part {
			a += float64(v)
		}
		chunks[n] = (a + b) + (c + d)
	})
	var sum float64
	for _, v := range chunks {
		sum += v
	}
	return sum
}
