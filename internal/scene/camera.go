package scene

import "math"

// vec is a point in the world in metres: x to the right, y up from the ground, z away from the camera.
type vec struct{ x, y, z float64 }

// The camera is mounted on a high building and looks down at the street through a long lens. The long lens makes near
// walkers not much larger, and so not much faster in pixels, than far ones.
const (
	cameraHeight = 7.0
	cameraPitch  = 17
	// focalShare is the focal length in frame heights; an adult is then 1/5 to 1/3 of the frame high.
	focalShare = 2.95
)

// View is where the camera hangs and how it looks.
type View struct {
	Height float64 // above the ground, in metres; 3 to 15
	Pitch  float64 // down from the horizontal, in degrees; 5 to 45
	Focal  float64 // focal length in frame heights; 1 to 4
}

// defaultView is that of a Config without a View.
var defaultView = View{cameraHeight, cameraPitch, focalShare}

func (v View) valid() bool {
	return v.Height >= 3 && v.Height <= 15 && v.Pitch >= 5 && v.Pitch <= 45 && v.Focal >= 1 && v.Focal <= 4
}

// camera is a pinhole camera; all values are in pixels.
type camera struct {
	width, height  float64
	focal          float64
	elevation      float64 // above the ground, in metres
	sinPit, cosPit float64
}

func newCamera(width, height int, view View) camera {
	s, c := math.Sincos(view.Pitch * math.Pi / 180)
	return camera{float64(width), float64(height), view.Focal * float64(height), view.Height, s, c}
}

// project returns the pixel of p and the pixels per metre there. Points closer than half a metre are treated as half a
// metre away; nothing on the street comes near that.
func (c *camera) project(p vec) (u, v, scale float64) {
	y := p.y - c.elevation
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
