// Package app puts a running system together from a configuration: cameras, the outbox with its sinks and evidence,
// and the pipeline between them. Commands call it, and the API is served from it.
package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"vigil/config"
	"vigil/internal/errcode"
	"vigil/internal/metrics"
	"vigil/pipeline"
)

// StopLimit is how long Run may take to end after ctx; then the program exits.
const StopLimit = 10 * time.Second

// UsageError is an error of the configuration or the command line, which the user can correct.
type UsageError struct{ err error }

// Usage makes err a UsageError.
func Usage(err error) error { return UsageError{err} }

func (e UsageError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e UsageError) Unwrap() error { return e.err }

// RunOptions are the options of Run that are not part of a configuration.
type RunOptions struct {
	Log     *slog.Logger
	Summary time.Duration // how often counters are logged; 0 for never
	// File is the configuration file, and Load reads it again, as cfg and named of Run were read. It is taken up when
	// it has changed, and at each Hangup. "" for a configuration that was not read from a file.
	File   string
	Load   func() (config.Config, []config.Camera, error)
	Hangup <-chan os.Signal
	// ForceExit ends the program if Run has not returned StopLimit after the end of ctx; nil never does.
	ForceExit func()
	// Announce is called with an address that logs a browser in once, which must not be logged; it may be nil.
	Announce func(address string)

	started func(*system) // for tests; may be nil
}

// Run monitors the configuration's cameras, or only the named ones, until ctx ends or every recording has ended.
func Run(ctx context.Context, cfg config.Config, named []config.Camera, o RunOptions) (err error) {
	defer ExitAfter(ctx, o.ForceExit)()
	numbers := metrics.New()
	log := slog.New(errcode.Handler(numbers.LogHandler(o.Log.Handler())))
	// The other cameras are still configured, so their MQTT announcements stay.
	watched := cfg
	if named != nil {
		watched.Cameras = named
	}
	found := inForceOf(cfg, named)
	// A calibration that does not fit costs one camera its alerts, as it does while vigil runs, not all of them.
	p := prepareCameras(ctx, watched, func(string) string { return o.File }, Models{}, true)
	p.PrepareSinks(cfg, log, false)
	if err := p.Err(); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	who, err := openAccess(cfg, log)
	if err != nil {
		return err
	}
	for i, c := range p.configs {
		keepMedia(&p.cameras[i], c, p.memory.Ring)
		logThreshold(log, p.cameras[i], c)
	}
	sinks, err := openSinks(ctx, cfg, log, numbers.OnDelivered)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, sinks.Shutdown()) }()
	logCapacity(ctx, log, p.cameras, cfg.Threads)
	adapted := openThresholds(cfg.DataDir, log)
	for i, c := range p.configs {
		if c.Adapt {
			adapted.follow(&p.cameras[i])
		}
	}
	s := newSystem(ctx, p, sinks, log)
	s.start, s.file, s.load, s.inForce, s.adapted, s.access = cfg, o.File, o.Load, found, adapted, who
	s.base, s.named = cfg, named
	var stored map[string]made
	s.store, stored = sinks.openCameras(ctx, cfg.DataDir, log)
	if sinks.mqtt != nil && s.store != nil {
		sinks.mqtt.SetCameras(slices.Compact(slices.Sorted(slices.Values(
			slices.Concat(cameraNames(cfg), slices.Collect(maps.Keys(stored)))))))
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	s.engine = pipeline.NewEngine(running, pipeline.Options{
		Threads: cfg.Threads, Log: log, Publisher: s.monitor, Evidence: sinks.EvidenceMaker(), Summary: o.Summary,
		ClipMemory: p.memory.Clips, OnEnded: func(string) { s.checkEnd() },
		OnClip: numbers.OnClip, OnAlert: numbers.OnAlert, OnLost: numbers.OnLost,
	})
	s.monitor.stats = s.engine.Stats
	if err = s.open(); err == nil {
		s.startMade(ctx, stored)
		services := openHTTP(cfg.HTTP, numbers, s, who, log)
		if at, err := who.oneTimeURL(); err == nil && o.Announce != nil {
			o.Announce(at)
		}
		stop := s.serve(ctx, cfg.DataDir, services.mux)
		reloading, stopReloading := context.WithCancel(ctx)
		var reloads sync.WaitGroup
		if o.File != "" {
			reloads.Go(func() { s.reloadLoop(reloading, o) })
		}
		if o.started != nil {
			o.started(s)
		}
		s.wait(ctx)
		s.monitor.live.Close() // else the servers would wait for the streams
		services.close()
		if ctx.Err() != nil {
			end()
		}
		stopReloading()
		reloads.Wait()
		stop()
	}
	err = errors.Join(err, s.close(adapted))
	sinks.Finish(ctx)
	return err
}

// keepMedia keeps the camera's recent pictures for evidence, in rings of at most so many bytes.
func keepMedia(cam *pipeline.Camera, c config.Camera, ring int) {
	cam.Media = pipeline.NewMediaBuffer(c.Footage.Keep, min(c.Footage.Memory<<20, ring))
	if cam.Live {
		cam.Pictures = OpenWorker(c, cam.Model.Spec().Side, cam.Media)
	}
}

// logThreshold logs a camera's threshold, and why it may raise too many or too few alarms.
func logThreshold(log *slog.Logger, cam pipeline.Camera, c config.Camera) {
	if cam.Threshold == (pipeline.Threshold{}) {
		log.Warn("no calibration and no threshold: scores only, no alerts; make one with 'vigil calibrate'",
			"camera", cam.Name, errcode.Key, errcode.CalibrationNone)
	}
	cal := cam.Threshold.Calibration
	if cal == nil {
		return
	}
	if cal.Reference == nil && !cam.AlwaysTrusted {
		log.Warn("whether the camera is covered or moved is not checked: the calibration has no view of the place; "+
			"calibrate again", "camera", cam.Name, "id", cal.ID, errcode.Key, errcode.CalibrationNoReference)
	}
	log.Info("calibration loaded", "camera", cam.Name, "id", cal.ID, "theta", cal.Theta, "rule", cal.Rule,
		"alarms_per_day", cal.AlarmsPerDay, "provisional", cal.Provisional)
	for _, warning := range cal.Warnings(cam.Detector, c.Alarms.PerDay()) {
		log.Warn("calibration is doubtful", "camera", cam.Name, "id", cal.ID, "warning", warning,
			errcode.Key, errcode.CalibrationDoubtful)
	}
}

// ExitAfter calls exit some time after the end of ctx; the returned function cancels that.
func ExitAfter(ctx context.Context, exit func()) func() {
	if exit == nil {
		return func() {}
	}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(StopLimit)
		defer t.Stop()
		select {
		case <-t.C:
			exit()
		case <-over:
		}
	})
	return func() {
		stop()
		close(over)
	}
}
