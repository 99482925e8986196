package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"vigil/app"
	"vigil/internal/batch"
	"vigil/internal/output"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// CalibrateOptions select the threshold.
type CalibrateOptions struct {
	Lo, Theta, Margin float64       // quantiles of the errors, and the margin above Theta
	Quantile          bool          // theta is Theta's quantile, not by the number of alarms
	Measure           string        // motion, appearance or both; "" for the score of the weights
	Alarms            *string       // how many false alarms are allowed, as 2/week; nil as the settings say
	LiveFor           time.Duration // how long a live camera is watched
	Out               string        // file for the record; "" for none, as a data set's normal video has
}

// DefaultCalibrateOptions are calibrate's defaults.
var DefaultCalibrateOptions = CalibrateOptions{
	Lo: calibrate.DefaultLoQuantile, Theta: calibrate.DefaultThetaQuantile, Margin: calibrate.DefaultMargin,
}

// Check checks the options and drops the calibration of the settings, since a new one is made. Its errors are
// UsageErrors.
func (o *CalibrateOptions) Check(r *Recordings) error {
	if err := o.check(r); err != nil {
		return app.Usage(err)
	}
	return nil
}

func (o *CalibrateOptions) check(r *Recordings) error {
	r.Settings.Calibration, r.Settings.Threshold = "", nil
	if o.Alarms != nil {
		if o.Quantile {
			return errors.New(
				"--alarms and --theta-quantile or --margin: give one of them, each sets the threshold")
		}
		if err := r.Settings.Alarms.UnmarshalText([]byte(*o.Alarms)); err != nil {
			return fmt.Errorf("--alarms: is %q, %w", *o.Alarms, err)
		}
	}
	switch {
	case r.Settings.Name == "":
		return errors.New(
			"--camera: is missing; must be the camera of this video, since the record is valid for that one only")
	case o.Out == "":
		return errors.New("-o: is missing; must be the file for the calibration")
	case !(o.Lo >= 0 && o.Lo < o.Theta && o.Theta <= 1):
		return fmt.Errorf("--lo-quantile %g and --theta-quantile %g: must be 0 <= lo < theta <= 1", o.Lo, o.Theta)
	case !(o.Margin >= 0 && o.Margin <= 10):
		return fmt.Errorf("--margin: is %g, must be from 0 to 10", o.Margin)
	case !slices.Contains(measures, o.Measure):
		return fmt.Errorf("--measure: is %q, must be one of motion, appearance and both", o.Measure)
	case o.LiveFor < 0:
		return fmt.Errorf("--for: is %s, must not be negative", o.LiveFor)
	}
	for _, s := range r.Sources {
		if s.Source.Live() && o.LiveFor == 0 {
			return fmt.Errorf("--for: is missing; must be how long %s is watched, such as --for 10m", s.Source)
		}
	}
	return nil
}

const both = "both"

var measures = []string{"", string(detect.Motion), string(detect.Appearance), both}

// measures returns the score of the calibration's first measure, and a value for Appearance if there is a second one.
func (o *CalibrateOptions) measures(m *model.Model) (score string, appearance *calibrate.MeasureFit, err error) {
	own := calibrate.MeasureOf(m.Spec().Score)
	switch {
	case own == detect.Motion && (o.Measure == "" || o.Measure == both):
		return m.Spec().Score, &calibrate.MeasureFit{}, nil
	case own == detect.Motion && o.Measure == string(detect.Appearance):
		return model.BlockSq, nil, nil
	case o.Measure == "" || o.Measure == string(own):
		return m.Spec().Score, nil, nil
	}
	return "", nil, fmt.Errorf("--measure: is %s, but the weights %s have the measure %s only", o.Measure, m.Name(),
		own)
}

// Calibrate makes a calibration from the sources, which must show normal scenes.
func (r *Recordings) Calibrate(ctx context.Context, o CalibrateOptions, w io.Writer) (calibrate.Calibration, error) {
	if o.Out != "" { // it shows before the work whether the result can be written
		if err := output.Check(o.Out); err != nil {
			return calibrate.Calibration{}, fmt.Errorf("write %s: %w", o.Out, err)
		}
	}
	loaded := app.Models{}
	m, err := loaded.Load(r.Settings.Model)
	if err != nil {
		return calibrate.Calibration{}, err
	}
	score, appearance, err := o.measures(m)
	if err != nil {
		return calibrate.Calibration{}, app.Usage(err)
	}
	perDay := r.Settings.Alarms.PerDay()
	if o.Quantile {
		perDay = 0
	}
	rate := app.FrameRate(r.Settings.Settings, nil, m)
	return r.Batch(loaded).Calibrate(ctx, batch.CalibrateOptions{
		Threads: r.Threads, LiveFor: o.LiveFor, Record: calibrate.Calibration{
			Key: calibrate.Key{
				Camera: r.Settings.Name, Model: m.Hash(), Mask: calibrate.MaskHash(r.Settings.Mask),
				Hop: r.Settings.Hop,
			},
			ModelName: m.Name(), ScoreForm: score, Appearance: appearance, LoQuantile: o.Lo, ThetaQuantile: o.Theta,
			Margin: o.Margin, AlarmsPerDay: perDay, Rate: &rate, Detector: app.Detector(r.Settings).Record(),
		},
	}, w)
}
