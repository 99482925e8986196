// Package offline runs the commands on recordings with a camera's settings: replay, calibration, training and
// evaluation. It is app's counterpart for commands that end. Errors of the command line or the configuration are
// app.UsageErrors and name keys and flags; only progress and warnings are printed, to the caller's
// writer.
package offline

import (
	"cmp"
	"errors"
	"fmt"

	"vigil/alerts"
	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/batch"
	"vigil/internal/names"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// Options override settings of the configuration; nil, "" and 0 do not.
type Options struct {
	ConfigFile string // "" for the default settings
	Camera     string // the camera's name; one of the configuration's, if there is one
	Model      string // weights file
	FPS        *float64
	Hop        *int
	Threads    int
	Realtime   bool
}

// Recordings are recordings of one camera.
type Recordings struct {
	Settings config.Camera // without a name, each recording is a camera of its own
	Sources  []batch.Recording
	Threads  int

	configFile string
	hopGiven   bool // by an option or the configuration
}

// Open brings a command's arguments, options and the configuration together. The recordings of a camera that is given
// by its name have the settings of that camera. Its errors are app.UsageErrors.
func Open(args []string, from app.SourceOptions, o Options) (*Recordings, error) {
	from.File = cmp.Or(from.File, config.DefaultFile)
	named, err := app.ReadSources(args, from)
	if err != nil {
		return nil, app.Usage(err)
	}
	var sources []source.Address
	for _, s := range named {
		sources = append(sources, s.Address)
		if s.Camera == nil {
			continue
		}
		if o.Camera != "" && o.Camera != s.Camera.Name {
			return nil, app.Usage(fmt.Errorf("%s and %s: are two cameras; give one", o.Camera, s.Camera.Name))
		}
		o.Camera, o.ConfigFile = s.Camera.Name, cmp.Or(o.ConfigFile, from.File)
	}
	r, err := open(sources, o)
	if err != nil {
		return nil, app.Usage(err)
	}
	return r, nil
}

func open(sources []source.Address, o Options) (*Recordings, error) {
	r := &Recordings{
		Settings: config.Camera{Settings: config.Default().Defaults}, Threads: o.Threads,
		configFile: o.ConfigFile, hopGiven: o.Hop != nil || o.ConfigFile != "",
	}
	r.Take(sources)
	if o.ConfigFile != "" {
		if o.Camera == "" {
			return nil, errors.New("--camera: is missing; must be the configured camera that the recordings are from")
		}
		cfg, camera, err := config.LoadCamera(o.ConfigFile, o.Camera)
		if err != nil {
			return nil, err
		}
		r.Settings = camera
		r.Threads = cmp.Or(r.Threads, cfg.Threads)
	}
	if o.Camera != "" {
		if err := alerts.ValidCamera(o.Camera); err != nil {
			return nil, fmt.Errorf("--camera: %w", err)
		}
		r.Settings.Name = o.Camera
	}
	r.Settings.Model = cmp.Or(o.Model, r.Settings.Model)
	if r.Settings.Model == "" {
		return nil, errors.New("-m: is missing; must be the weights that score the recordings")
	}
	if o.FPS != nil {
		r.Settings.FPS = o.FPS
	}
	if o.Hop != nil {
		r.Settings.Hop = *o.Hop
	}
	if r.Settings.Hop < 1 {
		return nil, fmt.Errorf("--hop: is %d, must be at least 1", r.Settings.Hop)
	}
	if fps := r.Settings.FPS; fps != nil && !(*fps >= 0 && *fps <= 120) {
		return nil, fmt.Errorf("--fps: is %g, must be from 0 to 120", *fps)
	}
	if r.Threads < 0 {
		return nil, fmt.Errorf("--threads: is %d, must not be negative", r.Threads)
	}
	r.Settings.Realtime = o.Realtime
	return r, nil
}

// Take sets the sources.
func (r *Recordings) Take(sources []source.Address) {
	asNames, asCameras := names.Recordings(sources), names.Cameras(sources)
	r.Sources = nil
	for i, src := range sources {
		r.Sources = append(r.Sources, batch.Recording{Source: src, Name: asNames[i], Camera: asCameras[i]})
	}
}

// RefuseLive returns an error if a source is a live camera; what says what to do instead.
func (r *Recordings) RefuseLive(what string) error {
	for _, one := range r.Sources {
		if one.Source.Live() {
			return fmt.Errorf("%s: a live camera %s", one.Source, what)
		}
	}
	return nil
}

// Batch returns the recordings with the current settings.
func (r *Recordings) Batch(loaded app.Models) *batch.Recordings {
	settings := r.Settings
	return &batch.Recordings{
		All:     r.Sources,
		Options: func() (capture.Options, error) { return app.OpenOptions(settings.Settings) },
		NewCamera: func(one batch.Recording) (pipeline.Camera, error) {
			s := settings
			s.Source, s.Name = one.Source, cmp.Or(s.Name, one.Camera)
			return app.NewCamera(s, loaded)
		},
	}
}

// UseCalibration uses the calibration of a file instead of that of the settings, unless path is "". The recordings are
// assumed to be the calibrated camera's, at its hop, unless the options differ.
func (r *Recordings) UseCalibration(path string) error {
	if path != "" {
		r.Settings.Calibration, r.Settings.Threshold = path, nil
	}
	if r.Settings.Calibration == "" {
		return nil
	}
	cal, err := calibrate.Read(r.Settings.Calibration)
	if err != nil {
		return err
	}
	if r.Settings.Name == "" {
		r.Settings.Name = cal.Key.Camera
	}
	if !r.hopGiven {
		r.Settings.Hop = cal.Key.Hop
	}
	return nil
}
