package pipeline

import (
	"fmt"
	"reflect"
	"slices"

	"vigil/alerts"
	"vigil/pipeline/detect"
)

// update is a change of a camera's settings on its way to the scheduler.
type update struct {
	camera  Camera
	decides bool   // events are decided in another way: one that is open ends
	trust   bool   // whether the camera can be trusted is found out in another way
	view    []byte // of the place
	done    chan<- struct{}
}

// Update gives the camera of that name the settings of c that change between two clips: Threshold, Uncalibrated,
// Recalibrate, Sensitivity, Adaptive, OnAdapted, Background, AlwaysTrusted, Zones, Detector, Armed and Suspended; the
// rest of c is ignored. An open event ends as EndReconfigured if the threshold, the calibration or the detector are
// different, and is found again if what it shows is one by the new settings as well. With other zones or armed hours
// it goes on. It returns once the settings are in force and the old ones are not used any more; with an error nothing
// has changed.
func (e *Engine) Update(c Camera) error {
	e.ops.Lock()
	defer e.ops.Unlock()
	if e.closed {
		return ErrClosed
	}
	m := e.find(c.Name)
	if m == nil {
		return fmt.Errorf("camera %s: %w", c.Name, ErrNoCamera)
	}
	next := m.Camera
	next.takeSettings(&c)
	if err := next.checkBackground(); err != nil {
		return fmt.Errorf("camera %s: %w", c.Name, err)
	}
	done := make(chan struct{})
	u := &update{camera: next, decides: m.decidesOtherwise(&next), trust: m.trustedBy(&next), done: done}
	var checked *trust
	if u.trust {
		var err error
		if checked, err = newTrust(&next); err != nil {
			return fmt.Errorf("camera %s: %w", c.Name, err)
		}
		u.view = checked.viewOf()
	}
	m.mu.Lock()
	m.configure(u, checked)
	e.box.control(m.slot, change{update: u})
	m.mu.Unlock()
	<-done
	return nil
}

// Check returns the error that Add or Update would return for what the camera's calibration says.
func (c *Camera) Check() error {
	if err := c.checkBackground(); err != nil {
		return err
	}
	_, err := newTrust(c)
	return err
}

// takeSettings sets what Engine.Update changes.
func (c *Camera) takeSettings(from *Camera) {
	c.Threshold, c.Uncalibrated, c.Recalibrate = from.Threshold, from.Uncalibrated, from.Recalibrate
	c.Sensitivity, c.Background = from.Sensitivity, from.Background
	c.Adaptive, c.OnAdapted, c.AlwaysTrusted = from.Adaptive, from.OnAdapted, from.AlwaysTrusted
	c.Zones, c.Detector, c.Armed, c.Suspended = from.Zones, from.Detector, from.Armed, from.Suspended
}

// decidesOtherwise reports whether other settings decide in another way what an event is.
func (c *Camera) decidesOtherwise(other *Camera) bool {
	return c.Detector != other.Detector || c.Adaptive != other.Adaptive ||
		!reflect.DeepEqual([]any{c.Threshold, c.Uncalibrated, c.Sensitivity, c.Background},
			[]any{other.Threshold, other.Uncalibrated, other.Sensitivity, other.Background})
}

// trustedBy reports whether other settings find out in another way whether the camera can be trusted.
func (c *Camera) trustedBy(other *Camera) bool {
	of := func(c *Camera) []any {
		return []any{c.AlwaysTrusted, c.Threshold.Calibration, c.Uncalibrated, c.Sensitivity}
	}
	return !reflect.DeepEqual(of(c), of(other))
}

// configure gives the reader its part of an update. r.mu is held.
func (r *reader) configure(u *update, checked *trust) {
	r.takeSettings(&u.camera)
	if u.trust {
		r.trust = checked
		r.health.setNote(alerts.StateUntrusted, "")
	}
	r.armedCheckedAt = 0
	if r.Armed == nil {
		r.health.setNote(alerts.StateDisarmed, "")
	}
	if r.Suspended == nil {
		r.health.setNote(alerts.StateSnoozed, "")
		r.health.setNote(alerts.StateDetectionOff, "")
	}
	r.setCalibration()
}

// update gives the scheduler its part.
func (s *scheduler) update(c *cameraState, u *update) {
	defer close(u.done)
	if u.decides {
		s.closeAnomaly(c, alerts.EndReconfigured)
		c.detector = detect.NewDetector(u.camera.Detector)
	}
	if u.trust {
		s.endUntrusted(c, alerts.EndReconfigured)
		c.untrusted, c.view = untrusted{}, u.view
	}
	c.configure(u.camera)
}

// configure derives from the settings what decides about clips.
func (c *cameraState) configure(cam Camera) {
	c.camera = cam
	c.zones = detect.NewZoneFinder(cam.Zones)
	c.scales = cam.Threshold.Scales()
	if cam.Adaptive != nil {
		cam.Adaptive.Theta(c.scales)
	}
	cal := cam.Sensitivity
	if cal == nil {
		cal = cam.Threshold.Calibration
	}
	for i, m := range c.measures {
		c.sensitivity[i] = cal.SensitivityFor(m)
	}
	c.background = cam.background()
	c.shareScales()
}

// shareScales gives the scales in force to Stats.
func (c *cameraState) shareScales() {
	scales := slices.Clone(c.scales)
	for i := range scales {
		if scales[i].Measure == "" {
			scales[i].Measure = c.measures[0]
		}
	}
	c.reader.stats.scales.Store(&scales)
}
