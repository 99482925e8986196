package scene

import (
	"image"
	"slices"
)

// Street draws frames. It is not safe for concurrent use, except Truth and Episodes, which only read.
type Street struct {
	cfg    Config
	camera camera
	raster raster
	light  light
	sensor sensor
	script []incident

	empty   *image.RGBA // The street without people; drawn when first needed.
	picture *image.RGBA
	paint   paint
	shade   shade
	walkers []walker
	figures []figure
	next    int
}

// New prepares a street. It fails only for an invalid Config.
func New(cfg Config) (*Street, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w, h := cfg.Width, cfg.Height
	s := &Street{
		cfg: cfg, camera: newCamera(w, h, cfg.View), raster: newRaster(w, h), light: newLight(cfg.daySeed()),
		sensor:  newSensor(cfg),
		picture: image.NewRGBA(image.Rect(0, 0, w, h)),
		shade:   shade{w, make([]uint8, w*h)},
	}
	s.paint.to = s.picture
	for i, m := range cfg.Script {
		s.script = append(s.script, s.newIncident(i, m))
	}
	return s, nil
}

// Size is the frame size in pixels.
func (s *Street) Size() (width, height int) { return s.cfg.Width, s.cfg.Height }

// FPS is the frame rate in frames a second.
func (s *Street) FPS() float64 { return s.cfg.FPS }

// Next draws the next frame, from 0, into dst as [height][width][3] BGR, and returns dst, which grows if needed.
func (s *Street) Next(dst []byte) []byte {
	dst = s.Frame(s.next, dst)
	s.next++
	return dst
}

// Frame draws the n-th frame, from 0, like Next, but does not affect Next.
func (s *Street) Frame(n int, dst []byte) []byte {
	size := 3 * s.cfg.Width * s.cfg.Height
	dst = slices.Grow(dst[:0], size)[:size]
	s.draw(n)
	if s.cfg.Clean {
		for i := range size / 3 {
			dst[3*i], dst[3*i+1], dst[3*i+2] = s.picture.Pix[4*i+2], s.picture.Pix[4*i+1], s.picture.Pix[4*i]
		}
		return dst
	}
	decode(s.sensor.compress(s.picture), dst)
	return dst
}

// draw draws the n-th frame, uncompressed, into s.picture.
func (s *Street) draw(n int) {
	t := float64(n) / s.cfg.FPS
	figures := s.figures[:0]
	add := func() (*figure, []part) {
		// Reuse the memory of the previous frame's figures.
		if len(figures) < cap(figures) {
			figures = figures[:len(figures)+1]
		} else {
			figures = append(figures, figure{})
		}
		f := &figures[len(figures)-1]
		return f, f.parts[:0]
	}
	for i := range s.crowd(t) {
		w := &s.walkers[i]
		f, parts := add()
		*f = w.figure(w.pose(t), parts)
	}
	s.incidents(t, func(in *incident) {
		f, parts := add()
		*f = in.figure(t, parts)
	})
	f, parts := add()
	*f = lamp(parts)
	slices.SortStableFunc(figures, func(a, b figure) int {
		switch {
		case a.z > b.z:
			return -1
		case a.z < b.z:
			return 1
		}
		return 0
	})
	if s.empty == nil {
		s.empty = s.backdrop()
	}
	sun, gain := s.light.at(t)
	copy(s.picture.Pix, s.empty.Pix)
	if s.cfg.Screen {
		s.drawScreen(t)
	}
	for i := range figures {
		figures[i].drawShadow(&s.raster, &s.camera, &s.shade)
	}
	s.shade.apply(s.picture, 0.1+0.4*sun)
	for i := range figures {
		figures[i].draw(&s.raster, &s.camera, &s.paint)
	}
	s.figures = figures
	s.sensor.expose(s.picture, n, gain, !s.cfg.Clean)
}
