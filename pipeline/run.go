// Package pipeline turns camera streams into events. It is the only package that composes the stages:
//
//	Stream ─frame─▶ Preparer ─picture─▶ Window ─cuboid─▶ mailbox ─▶ Scorer ─error─▶ Detector ─▶ thread.Queue
//	└────────────── reader, one for each camera ──────────────┘     └── scheduler, one ────┘     └── one ──┘
//
// The lower line shows its goroutines. They are connected only by the mailbox, where a live camera never waits and a
// recording that is scored completely does, and by the thread.Queue, which stores alerts so that the scheduler does not
// wait for the disk. The invariants: no cuboid spans a gap, overload is shed as whole cuboids and counted, one camera's
// failure does not affect the others, and every event that starts ends.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/model"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// Options are shared by the cameras of one Run.
type Options struct {
	Threads   int                  // of the scorer; 0 for all
	Log       *slog.Logger         // nil for none
	Publisher thread.Publisher     // nil publishes nothing
	OnClip    func(detect.Clip)    // called for each scored clip, in the scheduler's goroutine; may be nil
	Evidence  thread.EvidenceMaker // makes evidence for cameras with a MediaBuffer; nil for none
	// OnAlert is called for each message of an event, after the Publisher has stored it if there is one; may be nil.
	OnAlert func(alerts.Alert)
	// Summary is the interval at which counters are logged; 0 for never.
	Summary time.Duration
	// ClipMemory limits the cuboids that are filled, pending or scored, in bytes; 0 for no limit. See DivideMemory.
	ClipMemory int64

	machine func() machineTime // nil for readMachine
}

// Run runs the cameras until ctx is done, or until every one of them has ended as recordings do. It ends open events,
// waits for every goroutine it started and returns the counters of each camera, and the errors of recordings that could
// not be read to their end and of alerts that no broker accepted. A done ctx alone is not an error.
func Run(ctx context.Context, cameras []Camera, opts Options) ([]Stats, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	box := newMailbox(len(cameras))
	sizes := make([]int64, len(cameras))
	for i := range cameras {
		sizes[i] = clipBytes(&cameras[i])
	}
	box.setLimit(opts.ClipMemory, sizes)
	pub := thread.NewQueue(thread.Options{
		Publisher: opts.Publisher, Evidence: opts.Evidence, OnAlert: opts.OnAlert, Cameras: len(cameras), Log: log,
	})
	s := &scheduler{box: box, onClip: opts.OnClip, publish: pub}
	scorers := map[*model.Model]*model.Batch{}
	defer func() {
		for _, s := range scorers {
			s.Close()
		}
	}()
	readers := make([]*reader, len(cameras))
	for i, cam := range cameras {
		if scorers[cam.Model] == nil {
			scorers[cam.Model] = cam.Model.NewBatch(opts.Threads)
		}
		if err := cam.checkBackground(); err != nil {
			return nil, fmt.Errorf("camera %s: %w", cam.Name, err)
		}
		var err error
		if readers[i], err = newReader(cam, i, box, log.With("camera", cam.Name), pub); err != nil {
			return nil, err
		}
		s.cameras = append(s.cameras, newCameraState(readers[i], scorers[cam.Model]))
	}

	var reading, scoring, publishing sync.WaitGroup
	var publishErr error
	publishing.Go(func() { publishErr = pub.Run(ctx) })
	scoring.Go(func() { s.run(ctx) })
	readersDone := make(chan struct{})
	if opts.Summary > 0 {
		scoring.Go(func() { logStats(readers, log, opts.Summary, readersDone) })
	}
	scoring.Go(func() { newOverload(readers, log, opts.machine).run(readersDone) })
	errs := make([]error, len(readers))
	for i, r := range readers {
		reading.Go(func() {
			if errs[i] = r.run(ctx); errs[i] != nil {
				errs[i] = fmt.Errorf("camera %s: %w", r.Name, errs[i])
			}
		})
	}
	reading.Wait()
	close(readersDone)
	box.close()
	scoring.Wait()
	for i, r := range readers {
		if err := s.cameras[i].unscoredError(); err != nil && errs[i] == nil {
			errs[i] = fmt.Errorf("camera %s: %w", r.Name, err)
			r.health.fail(alerts.StateFailed, err)
		}
		if n := r.stats.unscorable.Load(); n > 0 {
			r.log.Warn("clips could not be scored", "unscorable", n, "scored", r.stats.scored.Load(),
				errcode.Key, errcode.CameraUnscorable)
		}
	}
	pub.Close()
	publishing.Wait()

	stats := make([]Stats, len(readers))
	for i, r := range readers {
		stats[i] = r.snapshot()
	}
	return stats, errors.Join(errors.Join(errs...), publishErr)
}

// logStats logs a line of counters for each camera until done.
func logStats(readers []*reader, log *slog.Logger, every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for _, r := range readers {
			s := r.snapshot()
			log.Info("camera counters", slices.Concat([]any{"camera", s.Camera, "state", s.State}, s.args(),
				[]any{"failures", s.Failures})...)
		}
	}
}

func newCameraState(r *reader, scorer Scorer) *cameraState {
	c := &cameraState{
		reader: r, scorer: scorer, detector: detect.NewDetector(r.Detector), zones: detect.NewZoneFinder(r.Zones),
		scales: r.Threshold.Scales(),
	}
	if r.Adaptive != nil {
		r.Adaptive.Theta(c.scales)
	}
	c.measures[0] = calibrate.MeasureOf(r.Model.Spec().Score)
	if c.measures[0] == detect.Motion {
		c.measures[1] = detect.Appearance
	}
	cal := r.Sensitivity
	if cal == nil {
		cal = r.Threshold.Calibration
	}
	for i, m := range c.measures {
		c.sensitivity[i] = cal.SensitivityFor(m)
	}
	c.background = r.background()
	if len(r.Mask) > 0 {
		c.ignore = geometry.IgnoreMask(r.Mask, r.Model.Spec().Side)
	}
	return c
}
