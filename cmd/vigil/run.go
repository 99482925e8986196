package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vigil/capture/source"
	"vigil/config"
	"vigil/pipeline"
)

// summaryEvery is how often run logs its counters.
const summaryEvery = time.Minute

func runCommand() *cobra.Command {
	var file, modelFile, logFormat string
	var summary time.Duration
	cmd := &cobra.Command{
		Use:   "run [-c vigil.yaml] [SOURCE...]",
		Short: "Watch cameras until stopped, and publish alerts to NATS",
		Long: "Watches the cameras of a configuration file, or the sources given (files, folders of frames, devices, " +
			"RTSP and HTTP URLs)\n" +
			"with the default settings, until it is stopped or every recording has ended.\n\n" + sourceHelp,
		Example: "  vigil run -c vigil.yaml\n  vigil run gate -c vigil.yaml\n  vigil run - -m " +
			"weights/model.safetensors < address.txt",
		RunE: func(cmd *cobra.Command, sources []string) error {
			cfg, named, err := runConfig(cmd, file, modelFile, sources)
			if err != nil {
				return usageError{err}
			}
			if cmd.Flags().Changed("log-format") {
				cfg.Log.Format = logFormat
			}
			return watch(cmd.Context(), cfg, named, summary, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", config.DefaultFile, "configuration `file`")
	cmd.Flags().StringVarP(&modelFile, "model", "m", "", "weights `file` for the sources given")
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	cmd.Flags().DurationVar(&summary, "summary", summaryEvery, "how often to log the counters; 0 for never")
	return cmd
}

// runConfig is the configuration file's, or the default one with a camera for each source. named are the cameras that
// were given by their names, to watch them alone; nil for all.
func runConfig(cmd *cobra.Command, file, modelFile string, sources []string) (cfg config.Config, named []config.Camera,
	err error,
) {
	if len(sources) == 0 {
		if cmd.Flags().Changed("model") {
			return cfg, nil,
				errors.New("-m is for sources given on the command line; in a configuration file it is the key 'model'")
		}
		cfg, err = config.Load(file)
		return cfg, nil, err
	}
	given := cmd.Flags().Changed("config")
	list, err := readSources(cmd, sources, file, given)
	if err != nil {
		return cfg, nil, err
	}
	if named = camerasOf(list); named != nil {
		if len(named) < len(list) || modelFile != "" {
			return cfg, nil,
				errors.New("give either cameras of the configuration by their names, or addresses with -m, not both")
		}
		cfg, err = config.Load(file)
		return cfg, named, err
	}
	if given {
		return cfg, nil, errors.New("give either -c or addresses, not both; beside -c a source is a camera's name")
	}
	if modelFile == "" {
		return cfg, nil, errors.New("-m: which weights shall score these sources?")
	}
	cfg = config.Default()
	cfg.Model = modelFile
	cfg.MQTT = config.MQTT{} // what a configuration file announced of this data_dir stays
	addresses := make([]source.Address, len(list))
	for i, s := range list {
		addresses[i] = s.Address
	}
	for i, name := range namesOfCameras(addresses) {
		cam := config.Camera{Name: name, Source: addresses[i], Settings: cfg.Defaults}
		cam.Model = modelFile
		cfg.Cameras = append(cfg.Cameras, cam)
	}
	return cfg, nil, nil
}

// camerasOf gives the cameras that were given by their names, nil for none.
func camerasOf(list []namedSource) (cameras []config.Camera) {
	for _, s := range list {
		if s.Camera != nil {
			cameras = append(cameras, *s.Camera)
		}
	}
	return cameras
}

// watch runs the configuration's cameras, or of these the named ones, until ctx is done or every recording has ended.
func watch(ctx context.Context, cfg config.Config, named []config.Camera, summary time.Duration,
	stderr io.Writer,
) (err error) {
	defer limitStop(ctx)()
	log, err := newLogger(stderr, cfg.Log)
	if err != nil {
		return usageError{err}
	}
	// Those that are not watched this time are configured all the same: what is announced of them stays.
	watched := cfg
	if named != nil {
		watched.Cameras = named
	}
	p := prepareCameras(ctx, watched)
	p.prepareSinks(cfg, log, false)
	if err := p.err(); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	for i, c := range p.configs {
		withFootage(&p.cameras[i], c, p.memory.Ring)
		logThreshold(log, p.cameras[i], c)
	}
	desk, err := openDesk(ctx, cfg, log)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, desk.close()) }()
	sayCapacity(ctx, log, p.cameras, cfg.Threads)
	_, err = pipeline.Run(ctx, p.cameras, pipeline.Options{
		Threads: cfg.Threads, Log: log, Publisher: desk, Evidence: desk.evidenceMaker(), Summary: summary,
		ClipMemory: p.memory.Clips,
	})
	desk.finish(ctx)
	return err
}

// withFootage keeps what the camera shows, for evidence, in rings of so many bytes at most.
func withFootage(cam *pipeline.Camera, c config.Camera, ring int) {
	cam.Media = pipeline.NewMediaBuffer(c.Footage.Keep, min(c.Footage.Memory<<20, ring))
	if cam.Live {
		cam.Pictures = childOf(c, cam.Model.Spec().Side, cam.Media)
	}
}

// logThreshold logs by what a camera's clips are judged, and why its alarms may be too many or too few.
func logThreshold(log *slog.Logger, cam pipeline.Camera, c config.Camera) {
	if cam.Threshold == (pipeline.Threshold{}) {
		log.Warn("no calibration and no threshold: scores only, no alerts; make one with 'vigil calibrate'",
			"camera", cam.Name)
	}
	cal := cam.Threshold.Calibration
	if cal == nil {
		return
	}
	log.Info("calibration", "camera", cam.Name, "id", cal.ID, "theta", cal.Theta, "rule", cal.Rule, "alarms_per_day",
		cal.AlarmsPerDay,
		"provisional", cal.Provisional)
	for _, doubt := range cal.Warnings(cam.Detector, c.Alarms.PerDay()) {
		log.Warn("calibration", "camera", cam.Name, "id", cal.ID, "doubt", doubt)
	}
}

// limitStop sees to it that the program ends soon after ctx; the function that it returns calls that off.
func limitStop(ctx context.Context) func() {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(stopLimit)
		defer t.Stop()
		select {
		case <-t.C:
			abandon()
		case <-over:
		}
	})
	return func() {
		stop()
		close(over)
	}
}

// newLogger logs to w as the configuration says.
func newLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log.level: is %q, must be debug, info, warn or error", c.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log.format: is %q, must be text or json", c.Format)
}
