package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/errcode"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
	"vigil/weights"
)

// shipped are the models that come with vigil, read at the first request.
var shipped = sync.OnceValues(func() ([]api.Weights, error) {
	var all []api.Weights
	for _, name := range weights.Names() {
		m, err := weights.Load(name)
		if err != nil {
			return nil, err
		}
		one := describeModel(m)
		one.Shipped = true
		all = append(all, one)
	}
	return all, nil
})

func describeModel(m *model.Model) api.Weights {
	spec := m.Spec()
	measures := []string{string(calibrate.MeasureOf(spec.Score))}
	if spec.Score == model.BlockMotion {
		measures = append(measures, string(detect.Appearance))
	}
	return api.Weights{
		Name: m.Name(), Version: m.Version(), SHA256: m.Hash(), Preset: spec.Preset, Side: spec.Side, FPS: m.FPS(),
		Measures: measures, Placeless: m.NeedsBackground(), Cameras: []string{},
	}
}

// Models implements api.Calibrations. Weights of one content and name are one model.
func (s *apiSystem) Models(context.Context) ([]api.Weights, error) {
	known, err := shipped()
	if err != nil {
		return nil, err
	}
	all := slices.Clone(known)
	for _, c := range s.watched() {
		m := c.camera.Model
		i := slices.IndexFunc(all, func(o api.Weights) bool { return o.SHA256 == m.Hash() && o.Name == m.Name() })
		if i < 0 {
			i = len(all)
			all = append(all, describeModel(m))
			all[i].Shipped = slices.ContainsFunc(known, func(o api.Weights) bool { return o.SHA256 == m.Hash() })
		}
		all[i].Cameras = append(slices.Clip(all[i].Cameras), c.config.Name)
	}
	slices.SortFunc(all, func(a, b api.Weights) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256))
	})
	return all, nil
}

// Calibrations implements api.Calibrations.
func (s *apiSystem) Calibrations(context.Context) []api.Calibration {
	var all []api.Calibration
	for _, c := range s.watched() {
		if c.camera.Threshold.Calibration != nil {
			all = append(all, s.calibration(&c))
		}
	}
	slices.SortFunc(all, func(a, b api.Calibration) int { return cmp.Compare(a.Camera, b.Camera) })
	return all
}

// Calibration implements api.Calibrations.
func (s *apiSystem) Calibration(_ context.Context, name string) (api.Calibration, error) {
	c := s.find(name)
	switch {
	case c == nil:
		return api.Calibration{}, fmt.Errorf("camera %q: %w", name, api.ErrNoCamera)
	case c.config.Threshold != nil && c.config.Calibration == "":
		return api.Calibration{}, errcode.CalibrationNone.Wrap(fmt.Errorf(
			"camera %s has no calibration: its key threshold sets lo %g and theta %g", name, c.config.Threshold.Lo,
			c.config.Threshold.Theta))
	}
	for _, one := range s.watched() {
		if one.config.Name == name && one.camera.Threshold.Calibration != nil {
			return s.calibration(&one), nil
		}
	}
	return api.Calibration{}, errcode.CalibrationNone.Wrap(fmt.Errorf("camera %s has no calibration", name))
}

// calibration describes the calibration of a camera that has one.
func (s *system) calibration(c *watched) api.Calibration {
	cal := c.camera.Threshold.Calibration
	const minute = 60
	out := api.Calibration{
		Camera: c.config.Name, ID: cal.ID, Made: cal.Made.UTC(), ModelName: cal.ModelName, ModelSHA256: cal.Key.Model,
		Width: cal.Key.Width, Height: cal.Key.Height, FPS: cal.Key.FPS, Hop: cal.Key.Hop,
		NormalMinutes: cal.Seconds / minute, Clips: cal.Clips, AlarmsPerDay: cal.AlarmsPerDay,
		Warnings: cal.Warnings(c.camera.Detector, c.config.Alarms.PerDay()),
	}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	out.Reason = s.misfit(c)
	out.Fits = out.Reason == ""
	adapted := s.adapted.of(c.config.Name)
	if c.camera.Adaptive == nil || adapted == nil || adapted.Calibration != cal.ID {
		adapted = nil
	} else {
		out.Adapted = &api.CalibrationAdapted{
			NormalMinutes: adapted.Seconds / minute, AlarmsExpected: adapted.AlarmsExpected,
		}
	}
	for i, scale := range cal.Scales() {
		f := cal.FitOf(scale.Measure)
		m := api.CalibrationMeasure{
			Measure: string(scale.Measure), Lo: f.Lo, Theta: f.Theta, ThetaNow: f.Theta, Rule: f.Rule,
			AlarmsExpected: f.AlarmsExpected, Provisional: f.Provisional, NoBudgetReason: f.NoBudgetReason,
			HoursNeeded: f.HoursNeeded,
		}
		if f.Tail != nil {
			m.Events, m.ThetaLow, m.ThetaHigh = f.Tail.Events, &f.Tail.ThetaLow, &f.Tail.ThetaHigh
		}
		if adapted != nil {
			m.ThetaNow = adapted.Measures[i].Theta
		}
		out.Measures = append(out.Measures, m)
	}
	return out
}

// misfit says why a camera's calibration does not fit, without the command that mends it, which names files; "" if it
// fits, as far as is known.
func (s *system) misfit(c *watched) string {
	err := c.camera.Threshold.Calibration.CheckSettings(c.camera.CalibrationKey())
	if err == nil && c.camera.Live {
		err = fitsRate(c.camera)
	}
	if err != nil {
		return err.Error()
	}
	s.monitor.mu.Lock()
	status := s.monitor.of(c.config.Name).status
	s.monitor.mu.Unlock()
	switch status.State {
	case alerts.StateSizeMismatch, alerts.StateRateMismatch:
		return strings.TrimSuffix(status.Detail, "; "+c.camera.Recalibrate)
	}
	return ""
}
