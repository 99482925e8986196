// Package pipeline turns camera streams into events. It is the only package that composes the stages:
//
//	Stream ─frame─▶ Preparer ─picture─▶ Window ─cuboid─▶ mailbox ─▶ Scorer ─error─▶ Detector ─alert─▶ Publisher
//	└────────────── reader, one for each camera ──────────────┘      └── scheduler, one ──┘      └─ publisher ─┘
//
// The lower line shows its goroutines. They are connected only by the mailbox, where a camera never waits, and by the
// publisher's queue, which decouples the network. The invariants: no cuboid spans a gap, overload is shed as whole
// cuboids and counted, one camera's failure does not affect the others, and every event that starts ends.
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
	box.bound(opts.ClipMemory, sizes)
	pub := thread.NewQueue(thread.Options{
		Publisher: opts.Publisher, Evidence: opts.Evidence, OnAlert: opts.OnAlert, Cameras: len(cameras), Log: log,
	})
	j := &scheduler{box: box, onClip: opts.OnClip, publish: pub}
	scorers := map[*model.Model]*model.Batch{}
	defer func() {
		for _, s := range scorers {
			s.Close()
		}
	}()
	watchers := make([]*reader, len(cameras))
	for i, cam := range cameras {
		if scorers[cam.Model] == nil {
			scorers[cam.Model] = cam.Model.NewBatch(opts.Threads)
		}
		watchers[i] = newReader(cam, i, box, log.With("camera", cam.Name), pub)
		j.cameras = append(j.cameras, newCameraState(watchers[i], scorers[cam.Model]))
	}

	var watching, judging, publishing sync.WaitGroup
	var publishErr error
	publishing.Go(func() { publishErr = pub.Run(ctx) })
	judging.Go(func() { j.run(ctx) })
	watched := make(chan struct{})
	if opts.Summary > 0 {
		judging.Go(func() { logStats(watchers, log, opts.Summary, watched) })
	}
	judging.Go(func() { newOverload(watchers, log, opts.machine).run(watched) })
	errs := make([]error, len(watchers))
	for i, w := range watchers {
		watching.Go(func() {
			if errs[i] = w.run(ctx); errs[i] != nil {
				errs[i] = fmt.Errorf("camera %s: %w", w.Name, errs[i])
			}
		})
	}
	watching.Wait()
	close(watched)
	box.close()
	judging.Wait()
	for i, w := range watchers {
		if err := j.cameras[i].nothing(); err != nil && errs[i] == nil {
			errs[i] = fmt.Errorf("camera %s: %w", w.Name, err)
			w.health.fail(alerts.StateFailed, err)
		}
		if n := w.stats.unscorable.Load(); n > 0 {
			w.log.Warn("clips could not be scored", "unscorable", n, "scored", w.stats.scored.Load(),
				errcode.Key, errcode.CameraUnscorable)
		}
	}
	pub.Close()
	publishing.Wait()

	stats := make([]Stats, len(watchers))
	for i, w := range watchers {
		stats[i] = w.snapshot()
	}
	return stats, errors.Join(errors.Join(errs...), publishErr)
}

// logStats logs a line of counters for each camera until done.
func logStats(watchers []*reader, log *slog.Logger, every time.Duration, done <-chan struct{}) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for _, w := range watchers {
			s := w.snapshot()
			log.Info("watching", slices.Concat([]any{"camera", s.Camera, "state", s.State}, s.args(),
				[]any{"failures", s.Failures})...)
		}
	}
}

func newCameraState(w *reader, s Scorer) *cameraState {
	b := &cameraState{
		w: w, scorer: s, detector: detect.NewDetector(w.Detector, w.Threshold.Lo), zones: detect.NewZoneFinder(w.Zones),
		places: w.Sensitivity,
	}
	b.windows = w.Model.Spec().Score != model.MeanAbs
	if cal := w.Threshold.Calibration; cal != nil && b.places == nil {
		b.places = cal.Sensitivity
	}
	if len(w.Mask) > 0 {
		b.ignore = geometry.IgnoreMask(w.Mask, w.Model.Spec().Side)
	}
	return b
}
