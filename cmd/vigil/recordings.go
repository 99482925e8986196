package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"vigil/alerts"
	"vigil/app"
	"vigil/capture"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/batch"
	"vigil/internal/names"
	"vigil/pipeline"
)

// recordings are the flags of the commands that take recordings.
type recordings struct {
	configFile, camera, model string
	fps                       float64
	hop, threads              int
	realtime                  bool

	sources  []batch.Recording
	settings config.Camera
}

func (r *recordings) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&r.model, "model", "m", "", "weights `file`")
	f.StringVar(&r.camera, "camera", "", "`name` of the camera that the recordings are from")
	f.StringVarP(&r.configFile, "config", "c", "",
		"configuration `file` that has the camera's model, mask, zones, fps and hop")
	f.Float64Var(&r.fps, "fps", 0, "frames a second that the model sees; 0 for every frame")
	f.IntVar(&r.hop, "hop", config.Default().Defaults.Hop, "frames from one clip to the next")
	f.IntVar(&r.threads, "threads", 0, "processor cores for the model; 0 for all")
}

// resolve brings flags and configuration together; a flag that was given wins. Its errors are about usage.
func (r *recordings) resolve(cmd *cobra.Command, args []string) error {
	sources, err := readSources(cmd, args, cmp.Or(r.configFile, config.DefaultFile), r.configFile != "")
	if err != nil {
		return err
	}
	var addresses []source.Address
	for _, s := range sources {
		addresses = append(addresses, s.Address)
		if s.Camera == nil {
			continue
		}
		if r.camera != "" && r.camera != s.Camera.Name {
			return fmt.Errorf("%s and %s: are two cameras, must be one", r.camera, s.Camera.Name)
		}
		r.camera, r.configFile = s.Camera.Name, cmp.Or(r.configFile, config.DefaultFile)
	}
	r.take(addresses)
	r.settings = config.Camera{Settings: config.Default().Defaults}
	if r.configFile != "" {
		if r.camera == "" {
			return errors.New("--camera: which of the configuration's cameras are the recordings from?")
		}
		cfg, camera, err := config.LoadCamera(r.configFile, r.camera)
		if err != nil {
			return err
		}
		r.settings = camera
		r.threads = cmp.Or(r.threads, cfg.Threads)
	}
	flags := cmd.Flags()
	if r.camera != "" {
		if err := alerts.ValidCamera(r.camera); err != nil {
			return fmt.Errorf("--camera: %w", err)
		}
		r.settings.Name = r.camera
	}
	if r.model != "" {
		r.settings.Model = r.model
	}
	if r.settings.Model == "" {
		return errors.New("-m: which weights shall score the recordings?")
	}
	if flags.Changed("fps") || r.configFile == "" {
		r.settings.FPS = r.fps
	}
	if flags.Changed("hop") || r.configFile == "" {
		r.settings.Hop = r.hop
	}
	if r.settings.Hop < 1 {
		return fmt.Errorf("--hop: is %d, must be at least 1", r.settings.Hop)
	}
	if !(r.settings.FPS >= 0 && r.settings.FPS <= 120) {
		return fmt.Errorf("--fps: is %g, must be from 0 to 120", r.settings.FPS)
	}
	if r.threads < 0 {
		return fmt.Errorf("--threads: is %d, must not be negative", r.threads)
	}
	r.settings.Realtime = r.realtime
	return nil
}

// take makes these the sources.
func (r *recordings) take(sources []source.Address) {
	asNames, asCameras := names.Recordings(sources), names.Cameras(sources)
	r.sources = nil
	for i, src := range sources {
		r.sources = append(r.sources, batch.Recording{Source: src, Name: asNames[i], Camera: asCameras[i]})
	}
}

// batch are the recordings with the settings of this moment.
func (r *recordings) batch(loaded app.Models) *batch.Recordings {
	settings := r.settings
	return &batch.Recordings{
		All:     r.sources,
		Options: func() (capture.Options, error) { return app.OpenOptions(settings.Settings) },
		NewCamera: func(one batch.Recording) (pipeline.Camera, error) {
			s := settings
			s.Source, s.Name = one.Source, cmp.Or(s.Name, one.Camera)
			return app.NewCamera(s, loaded)
		},
	}
}

// refuseLive returns an error if a source is a live camera; what says what to do instead.
func (r *recordings) refuseLive(what string) error {
	for _, one := range r.sources {
		if one.Source.Live() {
			return fmt.Errorf("%s: a live camera %s", one.Source, what)
		}
	}
	return nil
}
