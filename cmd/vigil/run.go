package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vigil/app"
	"vigil/capture/source"
	"vigil/config"
	"vigil/internal/errcode"
	"vigil/internal/names"
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
			log, err := newLogger(cmd.ErrOrStderr(), cfg.Log)
			if err != nil {
				return usageError{err}
			}
			return app.Run(cmd.Context(), cfg, named, app.RunOptions{Log: log, Summary: summary, ForceExit: forceExit})
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
	for i, name := range names.Cameras(addresses) {
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

// newLogger logs to w as the configuration says.
func newLogger(w io.Writer, c config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, fmt.Errorf("log.level: is %q, must be debug, info, warn or error", c.Level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch c.Format {
	case "text":
		return slog.New(errcode.Handler(slog.NewTextHandler(w, opts))), nil
	case "json":
		return slog.New(errcode.Handler(slog.NewJSONHandler(w, opts))), nil
	}
	return nil, fmt.Errorf("log.format: is %q, must be text or json", c.Format)
}
