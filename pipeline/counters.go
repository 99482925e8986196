package pipeline

import (
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/preprocess"
	"vigil/video"
)

// counters are one camera's; cameras and the scorer add to them while others read.
type counters struct {
	frames, missing, used, unused, lost, gaps             atomic.Uint64
	due, incomplete, scored                               atomic.Uint64
	unscorable, dropped, events, held, openings, failures atomic.Uint64
	pauses                                                atomic.Uint64
	info                                                  atomic.Pointer[video.Info]
	rates                                                 atomic.Pointer[Rates]
}

// Stats is what became of one camera's pictures so far. Every frame that was read and every clip that was due is in
// one counter:
//
//	Frames = Used + Unused + Lost + Waiting
//	Due    = Incomplete + Scored + Skipped + Unscorable + Dropped + Pending
//
// Waiting and Pending are on their way, and 0 once Run has returned. Missing frames were never read.
type Stats struct {
	Camera  string
	Frames  uint64 // read
	Used    uint64 // that the model may see: they are in a clip
	Unused  uint64 // left out for the rate that the model wants, or between two clips by a hop above 16
	Lost    uint64 // in no clip, since a gap, a break-off or the end came before there were enough
	Waiting uint64 // in no clip yet
	Missing uint64 // left out by the source: damaged, or too many for the pipe
	Gaps    uint64 // between frames; a break-off counts as a failure instead

	Due        uint64 // clips: one for every hop of the frames that the model wants
	Incomplete uint64 // not made, since there were too few frames since the last gap
	Scored     uint64
	Skipped    uint64 // dropped unscored, for overload
	Unscorable uint64 // the model gave no finite score
	Dropped    uint64 // dropped unscored, because the camera or the program stopped
	Pending    uint64 // made and not scored yet
	Clips      uint64 // made: Due without Incomplete

	Events   uint64 // started
	Held     uint64 // events that would have started if the calibration had fitted what the camera sent
	Paused   uint64 // how often the camera was passed over for overload, for ten seconds each time
	Openings uint64 // of the source
	Failures uint64 // of the source
	Rates    Rates  // of the longest opening
	// State is the camera's, Since when it began, States how often each state was entered.
	State  alerts.State
	Since  time.Time
	States map[alerts.State]uint64
}

func (w *reader) snapshot() Stats {
	c := &w.stats
	state, since, states := w.health.snapshot()
	rates := c.rates.Load()
	if rates == nil {
		rates = &Rates{Asked: w.FPS}
	}
	s := Stats{
		State: state, Since: since, States: states, Camera: w.Name,
		// What comes later on the way is read first, so that nothing is counted there before it is counted here.
		Scored: c.scored.Load(), Skipped: w.box.skipped(w.index), Unscorable: c.unscorable.Load(),
		Dropped:    c.dropped.Load(),
		Incomplete: c.incomplete.Load(), Due: c.due.Load(),
		Used: c.used.Load(), Unused: c.unused.Load(), Lost: c.lost.Load(), Frames: c.frames.Load(),
		Missing: c.missing.Load(), Gaps: c.gaps.Load(),
		Events: c.events.Load(), Held: c.held.Load(), Paused: c.pauses.Load(), Openings: c.openings.Load(),
		Failures: c.failures.Load(),
		Rates:    *rates,
	}
	s.Waiting = s.Frames - s.Used - s.Unused - s.Lost
	s.Clips = s.Due - s.Incomplete
	s.Pending = s.Clips - s.Scored - s.Skipped - s.Unscorable - s.Dropped
	return s
}

// args are the counters as a line of the log has them.
func (s Stats) args() []any {
	return []any{
		"frames", s.Frames, "missing", s.Missing, "used", s.Used, "unused", s.Unused, "lost", s.Lost, "gaps", s.Gaps,
		"clips_due", s.Due, "incomplete", s.Incomplete, "scored", s.Scored, "clips_skipped", s.Skipped, "paused",
		s.Paused, "unscorable", s.Unscorable,
		"dropped", s.Dropped, "events", s.Events, "alerts_held", s.Held,
	}
}

// account takes over what a window says became of the pictures; past is that of the windows before it.
func (w *reader) account(window *preprocess.Window) {
	s, a, p := window.Stats(), window.Account(), &w.past
	c := &w.stats
	c.used.Store(p.Used + a.Used)
	c.unused.Store(p.Unused + a.Unused)
	c.lost.Store(p.Lost + a.Lost)
	c.due.Store(p.Due + a.Due)
	c.incomplete.Store(p.Incomplete + a.Incomplete)
	c.gaps.Store(w.pastGaps + s.Gaps)
}

// settle closes the account of a window that gets no more pictures: those that wait are lost, and so are those that it
// was not given.
func (w *reader) settle(window *preprocess.Window) {
	s, a, p := window.Stats(), window.Account(), &w.past
	w.pastGaps += s.Gaps
	p.Used, p.Unused, p.Incomplete, p.Due = p.Used+a.Used, p.Unused+a.Unused, p.Incomplete+a.Incomplete, p.Due+a.Due
	p.Lost = w.stats.frames.Load() - p.Used - p.Unused
	w.stats.lost.Store(p.Lost)
}
