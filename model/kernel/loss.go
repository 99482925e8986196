package kernel

// Loss is the mean over all values of (y-x)², and where the mask says so of -min((y-x)², limit): there a good
// reconstruction is what is wrong. y and x are [clips][frames][area], the mask is [clips][area], 1 where the sign turns and 0 elsewhere.
type Loss struct {
	clips, frames, area int
	limit               float32
	partial             []float64 // [clips·frames]
	step                lossStep
}

// NewLoss makes room for a batch of clips.
func NewLoss(clips, frames, area int, limit float32) *Loss {
	l := &Loss{clips: clips, frames: frames, area: area, limit: limit, partial: make([]float64, clips*frames)}
	l.step.loss = l
	return l
}

// Forward computes the loss. A NaN or an infinity in y or x makes it one.
func (l *Loss) Forward(p *Pool, y, x, mask []float32) float64 {
	l.step.run(p, nil, y, x, mask, 0)
	var sum float64
	for _, v := range l.partial {
		sum += v
	}
	return sum / float64(l.clips*l.frames*l.area)
}

// Backward writes the gradient toward y, times factor.
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

// ChannelSums writes Σ over the pixels of values, [pixels][channels], to sums, [channels].
func ChannelSums(sums, values []float32) {
	total := make([]float64, len(sums))
	for ; len(values) >= len(total); values = values[len(total):] {
		for c, v := range values[:len(total)] {
			total[c] += float64(v)
		}
	}
	for c, v := range total {
		sums[c] = float32(v)
	}
}
