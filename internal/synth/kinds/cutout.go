package kinds

// Shares by which a shadow darkens the ground.
const minShadow, maxShadow = 0.36, 0.96

// cutOut cuts an object out of a frame. Its opacity is its difference to the background; holes, where it looks like
// the background by chance, are filled from around them. x and y are its point on the ground in the picture.
func (p *Place) cutOut(t int, b box, x, y float64) *sprite {
	margin := 2 * p.grid.cell
	b = box{
		max(b.left-margin, 0), max(b.top-margin, 0), min(b.right+margin, p.Width), min(b.bottom+margin, p.Height),
	}
	w, h := b.width(), b.height()
	s := newSprite(w, h, x-float64(b.left), y-float64(b.top))
	frame, light := p.frame(t), p.light[t]
	for j := range h {
		for i := range w {
			at := (b.top+j)*p.Width + b.left + i
			d := float32(int(frame[at]) - int(p.background[at]) - light)
			s.gray[j*w+i] = float32(frame[at])
			s.alpha[j*w+i] = min(max((max(d, -d)-minForeground)/(fullForeground-minForeground), 0), 1)
		}
	}
	p.keepObject(s)
	radius := max(h/24, 1)
	soft := boxMean(boxMean(s.alpha, w, h, radius), w, h, radius)
	for i, a := range s.alpha {
		// What is half surrounded by the object belongs to it, what is not surrounded is noise.
		s.alpha[i] = min(max(a, min(max(2.4*soft[i]-0.5, 0), 1)), min(4*soft[i], 1))
	}
	p.shadow(s, b, light)
	return s.weigh()
}

// keepObject removes what is not connected with the largest part of the sprite.
func (p *Place) keepObject(s *sprite) {
	cell := max(p.grid.cell, 1)
	g := grid{cell, (s.width + cell - 1) / cell, (s.height + cell - 1) / cell}
	set := make([]bool, g.cols*g.rows)
	for j := range s.height {
		for i := range s.width {
			if s.alpha[j*s.width+i] > 0.5 {
				set[j/cell*g.cols+i/cell] = true
			}
		}
	}
	keep := make([]bool, len(set))
	for _, i := range largest(set, g.cols) {
		x, y := i%g.cols, i/g.cols
		for v := max(y-1, 0); v < min(y+2, g.rows); v++ {
			for u := max(x-1, 0); u < min(x+2, g.cols); u++ {
				keep[v*g.cols+u] = true
			}
		}
	}
	for j := range s.height {
		for i := range s.width {
			if !keep[j/cell*g.cols+i/cell] {
				s.alpha[j*s.width+i] = 0
			}
		}
	}
}

// shadow turns the parts that are darker than the ground, and show its texture, into shade: the same on any ground.
// Only the lower part of a person has a shadow beside it.
func (p *Place) shadow(s *sprite, b box, light int) {
	w, h := s.width, s.height
	ratio := make([]float32, w*h)
	for j := range h {
		for i := range w {
			ground := float32(int(p.background[(b.top+j)*p.Width+b.left+i]) + light)
			ratio[j*w+i] = (s.gray[j*w+i] + 1) / (max(ground, 0) + 1)
		}
	}
	mean, wider := boxMean(ratio, w, h, 1), boxMean(ratio, w, h, 3)
	for j := h * 3 / 5; j < h; j++ {
		for i := range w {
			k := j*w + i
			rough := mean[k] - wider[k]
			if s.alpha[k] > 0 && mean[k] > minShadow && mean[k] < maxShadow && rough < 0.1 && rough > -0.1 {
				s.shade[k] = 1 - (1-mean[k])*s.alpha[k]
				s.alpha[k] = 0
			}
		}
	}
	copy(s.alpha, boxMeanLower(s.alpha, w, h, h*3/5))
}

// boxMeanLower smooths rows from a row on, where shade and object meet.
func boxMeanLower(values []float32, w, h, from int) []float32 {
	out := boxMean(values, w, h, 1)
	copy(out[:from*w], values)
	return out
}
