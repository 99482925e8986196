package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
)

// Calibrations are what the cameras of a System are scored by.
type Calibrations interface {
	// Models returns the weights that cameras use, and those that come with vigil.
	Models(ctx context.Context) ([]Weights, error)
	// Calibrations returns those of the cameras, by name.
	Calibrations(ctx context.Context) []Calibration
	// Calibration returns that of a camera. Its errors are ErrNoCamera, or an error with the code
	// calibration.none.
	Calibration(ctx context.Context, camera string) (Calibration, error)
}

// Weights describes the weights of a model.
type Weights struct {
	// Name is the name in the weights, or that of their file without its extension.
	Name string `json:"name"`
	// Version is the version in the weights, or the beginning of the digest.
	Version string `json:"version"`
	// SHA256 is the digest of the file.
	SHA256 string `json:"sha256"`
	// Shipped means that the weights come with vigil.
	Shipped bool `json:"shipped"`
	// Preset is the kind of network; absent for one of its own.
	Preset string `json:"preset,omitempty"`
	// Side is that of the model's square input, in pixels.
	Side int `json:"side"`
	// FPS is the rate of frames at which the weights were trained; absent if they do not say it.
	FPS float64 `json:"fps,omitempty"`
	// Measures are what is measured of a clip: motion and appearance, or mean.
	Measures []string `json:"measures"`
	// Placeless weights know no place: each camera has its own background, from its calibration.
	Placeless bool `json:"placeless"`
	// Cameras are those that use the weights and that the login may view.
	Cameras []string `json:"cameras"`
}

// ModelList is all models.
type ModelList struct {
	// Models are the models, by name and digest.
	Models []Weights `json:"models"`
}

// CalibrationList is the calibrations of the cameras.
type CalibrationList struct {
	// Calibrations are those of the cameras that have one, by the cameras' names.
	Calibrations []Calibration `json:"calibrations"`
}

// Calibration says what a camera's threshold rests on.
type Calibration struct {
	// Camera is the camera's name.
	Camera string `json:"camera"`
	// ID names the calibration; alerts carry it.
	ID string `json:"id"`
	// Made is when it was made.
	Made time.Time `json:"made"`
	// ModelName is the name of the weights that it was made for.
	ModelName string `json:"model_name"`
	// ModelSHA256 is the digest of those weights.
	ModelSHA256 string `json:"model_sha256"`
	// Width is that of the video that it was made of, in pixels.
	Width int `json:"width"`
	// Height is that of the video.
	Height int `json:"height"`
	// FPS is the rate of the frames of the video that the model saw.
	FPS float64 `json:"fps"`
	// Hop is from clip to clip, in those frames.
	Hop int `json:"hop"`
	// NormalMinutes is the length of the normal video.
	NormalMinutes float64 `json:"normal_minutes"`
	// Clips is the number of its clips.
	Clips int `json:"clips"`
	// AlarmsPerDay is the budget of false alarms of all measures; 0 for none.
	AlarmsPerDay float64 `json:"alarms_per_day"`
	// Fits means that it was made for the camera, its weights and its settings, and that the source is as it was. While
	// it does not fit, alerts are held.
	Fits bool `json:"fits"`
	// Reason says why it does not fit.
	Reason string `json:"reason,omitempty"`
	// Warnings say why there may be more or fewer alarms than the budget allows.
	Warnings []string `json:"warnings"`
	// Measures are what was fitted for each measure.
	Measures []CalibrationMeasure `json:"measures"`
	// Adapted is what the thresholds were moved by; absent for a camera whose thresholds stay as calibrated.
	Adapted *CalibrationAdapted `json:"adapted,omitempty"`
}

// CalibrationMeasure is the threshold of one measure.
type CalibrationMeasure struct {
	// Measure is motion, appearance or mean.
	Measure string `json:"measure"`
	// Lo is the low end of normal errors, at regularity 1.
	Lo float64 `json:"lo"`
	// Theta is the threshold as calibrated, at regularity 0.5.
	Theta float64 `json:"theta"`
	// ThetaNow is the threshold in force.
	ThetaNow float64 `json:"theta_now"`
	// ThetaLow and theta_high bound the theta that truly brings alarms_expected, with a probability of 95 %; absent
	// where there were too few events to tell.
	ThetaLow *float64 `json:"theta_low,omitempty"`
	// ThetaHigh is the upper bound.
	ThetaHigh *float64 `json:"theta_high,omitempty"`
	// Events is the number of events in the normal video that this rests on.
	Events int `json:"events"`
	// Rule is how Theta was found: budget, highest, clips or quantile.
	Rule string `json:"rule"`
	// AlarmsExpected is how many false alarms a day Theta is for; absent if it is not known.
	AlarmsExpected float64 `json:"alarms_expected,omitempty"`
	// Provisional means that the video was too short for the budget.
	Provisional bool `json:"provisional"`
	// NoBudgetReason says why the budget does not decide about Theta.
	NoBudgetReason string `json:"no_budget_reason,omitempty"`
	// HoursNeeded is how much normal video is enough for the budget.
	HoursNeeded float64 `json:"hours_needed"`
}

// CalibrationAdapted is what the thresholds were moved by while the camera was watched.
type CalibrationAdapted struct {
	// NormalMinutes is the length of the normal video since, in addition to the calibration's.
	NormalMinutes float64 `json:"normal_minutes"`
	// AlarmsExpected is how many false alarms a day the thresholds in force are for, by all measures.
	AlarmsExpected float64 `json:"alarms_expected"`
}

type (
	modelsOutput       struct{ Body ModelList }
	calibrationsOutput struct{ Body CalibrationList }
	calibrationOutput  struct{ Body Calibration }
	ofCameraInput      struct {
		Name string `path:"name" maxLength:"64" doc:"The camera's name"`
	}
)

func (s *server) addCalibrations(to huma.API) {
	huma.Register(to, route(http.MethodGet, root+"/models", access.ViewSome, "list-models",
		"List the models that cameras use or that come with vigil"), s.listModels)
	huma.Register(to, route(http.MethodGet, root+"/calibrations", access.ViewSome, "list-calibrations",
		"List what the thresholds of the cameras rest on"), s.listCalibrations)
	huma.Register(to, route(http.MethodGet, cameraPath+"/calibration", access.ViewCamera("name"), "show-calibration",
		"Show what the threshold of a camera rests on"), s.showCalibration)
}

// listModels leaves out models of cameras that the request may not see.
func (s *server) listModels(ctx context.Context, _ *struct{}) (*modelsOutput, error) {
	all, err := s.Models(ctx)
	if err != nil {
		return nil, problemOf(err)
	}
	list := ModelList{Models: []Weights{}}
	for _, m := range all {
		m.Cameras = slices.DeleteFunc(slices.Clone(m.Cameras), func(name string) bool {
			return !may(ctx, access.RoleView, name)
		})
		if m.Cameras == nil {
			m.Cameras = []string{}
		}
		if len(m.Cameras) > 0 || m.Shipped {
			list.Models = append(list.Models, m)
		}
	}
	return &modelsOutput{list}, nil
}

func (s *server) listCalibrations(ctx context.Context, _ *struct{}) (*calibrationsOutput, error) {
	list := CalibrationList{Calibrations: []Calibration{}}
	for _, c := range s.Calibrations(ctx) {
		if may(ctx, access.RoleView, c.Camera) {
			list.Calibrations = append(list.Calibrations, c)
		}
	}
	return &calibrationsOutput{list}, nil
}

func (s *server) showCalibration(ctx context.Context, in *ofCameraInput) (*calibrationOutput, error) {
	c, err := s.Calibration(ctx, in.Name)
	if err != nil {
		return nil, problemOf(err)
	}
	return &calibrationOutput{c}, nil
}
