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
	"log/slog"
	"time"

	"vigil/alerts"
	"vigil/alerts/thread"
	"vigil/geometry"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// Options are shared by the cameras of one Engine.
type Options struct {
	Threads   int                  // of the scorer; 0 for all
	Log       *slog.Logger         // nil for none
	Publisher thread.Publisher     // nil publishes nothing
	OnClip    func(detect.Clip)    // called for each scored clip, in the scheduler's goroutine; may be nil
	Evidence  thread.EvidenceMaker // makes evidence for cameras with a MediaBuffer; nil for none
	// OnAlert is called for each message of an event, after the Publisher has stored it if there is one; may be nil.
	OnAlert func(alerts.Alert)
	// OnLost is called for each message of an event that the Publisher could not store; it must not block, and may be
	// nil.
	OnLost func(alerts.Alert)
	// Summary is the interval at which counters are logged; 0 for never.
	Summary time.Duration
	// OnEnded is called with the name of a camera that has ended by itself, as a recording does; it must not block, and
	// may be nil.
	OnEnded func(camera string)
	// ClipMemory limits the cuboids that are filled, pending or scored, in bytes; 0 for no limit. See DivideMemory.
	ClipMemory int64

	machine func() machineTime // nil for readMachine
}

// Run runs the cameras until ctx is done, or until every one of them has ended as recordings do. It ends open events,
// waits for every goroutine it started and returns the counters of each camera, and the errors of recordings that could
// not be read to their end and of alerts that no broker accepted. A done ctx alone is not an error.
func Run(ctx context.Context, cameras []Camera, opts Options) ([]Stats, error) {
	e := NewEngine(ctx, opts)
	members := make([]*member, len(cameras))
	for i, c := range cameras {
		var err error
		if members[i], err = e.join(c); err != nil {
			_ = e.shut() // nothing has been read
			return nil, err
		}
	}
	for _, m := range members {
		e.start(m)
	}
	for _, m := range members {
		<-m.done
	}
	err := e.Close()
	return e.Stats(), err
}

func newCameraState(r *reader, scorer Scorer) *cameraState {
	c := &cameraState{
		reader: r, scorer: scorer, detector: detect.NewDetector(r.Detector), view: r.trust.viewOf(),
	}
	c.measures[0] = calibrate.MeasureOf(r.Model.Spec().Score)
	if c.measures[0] == detect.Motion {
		c.measures[1] = detect.Appearance
	}
	c.configure(r.Camera)
	if len(r.Mask) > 0 {
		c.ignore = geometry.IgnoreMask(r.Mask, r.Model.Spec().Side)
	}
	return c
}
