package scene

import "math"

// vec is a point in the world in metres: x to the right, y up from the ground, z away from the camera.
type vec struct{ x, y, z float64 }

// The camera is mounted on a high building and looks down at the street through a long lens. The long lens makes near
// walkers not much larger, and so not much faster in pixels, than far ones.
const (
	cameraHeight = 7.0
	cameraPitch  = 17 * math.Pi / 180
	// focalShare is the focal length in frame heights; an adult is then 1/5 to 1/3 of the frame high.
	focalShare = 2.95
)

// camera is a pinhole camera; all values are in pixels.
type camera struct {
	width, height  float64
	focal          float64
	sinPit, cosPit float64
}

func newCamera(width, height int) camera {
	s, c := math.Sincos(cameraPitch)
	return camera{float64(width), float64(height), focalShare * float64(height), s, c}
}

// project returns the pixel of p and the pixels per metre there. Points closer than half a metre are treated as half a
// metre away; nothing on the street comes near that.
func (c *camera) project(p vec) (u, v, scale float64) {
	y := p.y - cameraHeight
	depth := max(p.z*c.cosPit-y*c.sinPit, 0.5)
	scale = c.focal / depth
	return c.width/2 + p.x*scale, c.height/2 - (y*c.cosPit+p.z*c.sinPit)*scale, scale
}

// ray returns the viewing direction of pixel (u, v); its z is positive.
func (c *camera) ray(u, v float64) vec {
	up := (c.height/2 - v) / c.focal
	return vec{(u - c.width/2) / c.focal, up*c.cosPit - c.sinPit, up*c.sinPit + c.cosPit}
}

// halfView is half the width of the street, in metres, that is visible at distance z.
func (c *camera) halfView(z float64) float64 {
	_, _, scale := c.project(vec{0, 0, z})
	return c.width / 2 / scale
}
