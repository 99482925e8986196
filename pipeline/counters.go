package pipeline

import (
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/capture"
)

// counters are one camera's; cameras and the scorer add to them while others read.
type counters struct {
	frames, missing, clips, scored, events, openings, failures atomic.Uint64
	info                                                       atomic.Pointer[capture.Info]
}

// Stats is what became of one camera's pictures so far.
type Stats struct {
	Camera   string
	Frames   uint64 // read
	Missing  uint64 // left out by the source: damaged, or too many for the pipe
	Clips    uint64 // cuboids made
	Scored   uint64 // cuboids scored
	Skipped  uint64 // cuboids dropped unscored, for overload
	Events   uint64 // started
	Openings uint64 // of the source
	Failures uint64 // of the source
	// State is the camera's, Since when it began, States how often each state was entered.
	State  alerts.State
	Since  time.Time
	States map[alerts.State]uint64
}

func (w *watcher) snapshot() Stats {
	c := &w.stats
	state, since, states := w.health.snapshot()
	return Stats{
		State: state, Since: since, States: states,
		Camera: w.Name, Frames: c.frames.Load(), Missing: c.missing.Load(), Clips: c.clips.Load(), Scored: c.scored.Load(), Skipped: w.box.skipped(w.index),
		Events: c.events.Load(), Openings: c.openings.Load(), Failures: c.failures.Load(),
	}
}
