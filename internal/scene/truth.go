package scene

import "image"

// Object is an anomaly in a frame.
type Object struct {
	Kind Kind
	// Box bounds all of its pixels, Shadow those of its shadow; both are clipped to the frame.
	Box, Shadow image.Rectangle
	// Visible is the share of its unclipped box that lies inside the frame, 0 to 1. Occlusion by walkers does not
	// reduce it.
	Visible float64
}

// Truth holds the labels of a frame.
type Truth struct {
	Frame   int
	Objects []Object
	// Abnormal reports whether at least a quarter of an anomaly is inside the frame.
	Abnormal bool
}

const minVisible = 0.25

// Truth returns the labels of the n-th frame without drawing it.
func (s *Street) Truth(n int) Truth {
	truth := Truth{Frame: n}
	t := float64(n) / s.cfg.FPS
	picture := image.Rect(0, 0, s.cfg.Width, s.cfg.Height)
	s.incidents(t, func(in *incident) {
		if t < in.begin || t >= in.end {
			return
		}
		f := in.figure(t, nil)
		whole := f.bounds(&s.camera, false)
		thing := Object{
			Kind: in.kind, Box: whole.Intersect(picture),
			Shadow: f.bounds(&s.camera, true).Intersect(picture),
		}
		if thing.Box.Empty() && thing.Shadow.Empty() {
			return
		}
		thing.Visible = float64(thing.Box.Dx()*thing.Box.Dy()) / float64(whole.Dx()*whole.Dy())
		truth.Objects = append(truth.Objects, thing)
		truth.Abnormal = truth.Abnormal || thing.Visible >= minVisible
	})
	return truth
}

// Episode is a maximal run of frames in which an anomaly is visible enough to be labelled.
type Episode struct {
	Kind                  Kind
	FirstFrame, LastFrame int
}

// Episodes lists the episodes of the first frames, by their first frame.
func (s *Street) Episodes(frames int) []Episode {
	var all []Episode
	for n := range frames {
		for _, thing := range s.Truth(n).Objects {
			if thing.Visible < minVisible {
				continue
			}
			open := -1
			for i := range all {
				if all[i].Kind == thing.Kind && all[i].LastFrame == n-1 {
					open = i
				}
			}
			if open < 0 {
				all = append(all, Episode{thing.Kind, n, n})
				continue
			}
			all[open].LastFrame = n
		}
	}
	return all
}
