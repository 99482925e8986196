package pipeline

import (
	"time"

	"vigil/pipeline/detect"
)

// adapt gives a clip that the detector has seen to the camera's Adaptive, if it is normal.
func (c *cameraState) adapt(clip *detect.Clip, change detect.Transition, ep detect.Event) {
	a := c.camera.Adaptive
	switch {
	case a == nil:
	case change == detect.Started:
		a.Event(ep.Start.Time())
	case c.detector.Open(), change == detect.Ended:
		a.Gap()
	case a.Push(clip):
		a.Theta(c.scales)
		c.shareScales()
		if c.camera.OnAdapted != nil {
			c.camera.OnAdapted(a.Adapted())
		}
	}
}

// adaptWithout says that what is since a time, which lies back, is not normal.
func (c *cameraState) adaptWithout(since time.Duration) {
	if a := c.camera.Adaptive; a != nil {
		a.Event(since)
	}
}

// adaptGap says that clips are left out that are not known to be normal.
func (c *cameraState) adaptGap() {
	if a := c.camera.Adaptive; a != nil {
		a.Gap()
	}
}
