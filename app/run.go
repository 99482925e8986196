// Package app puts a running system together from a configuration: cameras, the outbox with its sinks and evidence,
// and the pipeline between them. It is what the commands, and whatever serves an API, call.
package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"vigil/config"
	"vigil/internal/errcode"
	"vigil/pipeline"
)

// StopLimit is how long run may take to end once it is told to; then it ends all the same.
const StopLimit = 10 * time.Second

// UsageError is a wrong configuration or a wrong command line: the user can mend it without looking at any machine.
type UsageError struct{ err error }

// Usage makes err a UsageError.
func Usage(err error) error { return UsageError{err} }

func (e UsageError) Error() string { return e.err.Error() }

// Unwrap gives the error itself.
func (e UsageError) Unwrap() error { return e.err }

// RunOptions are what a configuration does not say.
type RunOptions struct {
	Log     *slog.Logger
	Summary time.Duration // how often counters are logged; 0 for never
	// ForceExit ends the program where Run has not returned StopLimit after ctx is done; nil never does.
	ForceExit func()
}

// Run runs the configuration's cameras, or of these the named ones, until ctx is done or every recording has ended.
func Run(ctx context.Context, cfg config.Config, named []config.Camera, o RunOptions) (err error) {
	defer ExitAfter(ctx, o.ForceExit)()
	log := o.Log
	// Those that are not watched this time are configured all the same: what is announced of them stays.
	watched := cfg
	if named != nil {
		watched.Cameras = named
	}
	p := PrepareCameras(ctx, watched)
	p.PrepareSinks(cfg, log, false)
	if err := p.Err(); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	for i, c := range p.configs {
		keepMedia(&p.cameras[i], c, p.memory.Ring)
		logThreshold(log, p.cameras[i], c)
	}
	sinks, err := OpenSinks(ctx, cfg, log)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while starting
		}
		return err
	}
	defer func() { err = errors.Join(err, sinks.Shutdown()) }()
	logCapacity(ctx, log, p.cameras, cfg.Threads)
	_, err = pipeline.Run(ctx, p.cameras, pipeline.Options{
		Threads: cfg.Threads, Log: log, Publisher: sinks, Evidence: sinks.EvidenceMaker(), Summary: o.Summary,
		ClipMemory: p.memory.Clips,
	})
	sinks.Finish(ctx)
	return err
}

// keepMedia keeps what the camera shows, for evidence, in rings of so many bytes at most.
func keepMedia(cam *pipeline.Camera, c config.Camera, ring int) {
	cam.Media = pipeline.NewMediaBuffer(c.Footage.Keep, min(c.Footage.Memory<<20, ring))
	if cam.Live {
		cam.Pictures = OpenWorker(c, cam.Model.Spec().Side, cam.Media)
	}
}

// logThreshold logs by what a camera's clips are judged, and why its alarms may be too many or too few.
func logThreshold(log *slog.Logger, cam pipeline.Camera, c config.Camera) {
	if cam.Threshold == (pipeline.Threshold{}) {
		log.Warn("no calibration and no threshold: scores only, no alerts; make one with 'vigil calibrate'",
			"camera", cam.Name, errcode.Key, errcode.CalibrationNone)
	}
	cal := cam.Threshold.Calibration
	if cal == nil {
		return
	}
	log.Info("calibration", "camera", cam.Name, "id", cal.ID, "theta", cal.Theta, "rule", cal.Rule, "alarms_per_day",
		cal.AlarmsPerDay,
		"provisional", cal.Provisional)
	for _, doubt := range cal.Warnings(cam.Detector, c.Alarms.PerDay()) {
		log.Warn("calibration", "camera", cam.Name, "id", cal.ID, "doubt", doubt,
			errcode.Key, errcode.CalibrationDoubtful)
	}
}

// ExitAfter sees to it that the program ends soon after ctx; the function that it returns calls that off.
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
