package scene

import "image"

// The position of the screen on the wall in metres, at the upper right of the frame, above all heads.
const (
	screenLeft, screenRight = 1.7, 3.9
	screenLow, screenHigh   = 2.7, 4.1
	// Images per second, and the coloured fields of each.
	screenRate   = 3.0
	screenFields = 3
)

// drawScreen draws the screen at time t: fields of random colours.
func (s *Street) drawScreen(t float64) {
	box := s.screen()
	r := rngFor(s.cfg.daySeed(), rngScreen, int(t*screenRate))
	var fields [screenFields * screenFields]rgb
	for i := range fields {
		fields[i] = rgb{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256))}
	}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		row := (y - box.Min.Y) * screenFields / box.Dy()
		for x := box.Min.X; x < box.Max.X; x++ {
			c := fields[row*screenFields+(x-box.Min.X)*screenFields/box.Dx()]
			q := s.picture.Pix[s.picture.PixOffset(x, y):][:3:3]
			q[0], q[1], q[2] = c.r, c.g, c.b
		}
	}
}

// screen is the position of the screen in the frame.
func (s *Street) screen() image.Rectangle {
	left, low, _ := s.camera.project(vec{screenLeft, screenLow, wallAt})
	right, high, _ := s.camera.project(vec{screenRight, screenHigh, wallAt})
	return image.Rect(int(left), int(high), int(right), int(low)).Intersect(s.picture.Rect)
}
