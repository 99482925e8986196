package pipeline

import (
	"sync/atomic"
	"time"

	"vigil/alerts"
	"vigil/pipeline/detect"
	"vigil/preprocess"
	"vigil/video"
)

// counters are one camera's; the reader and the scheduler add to them while others read.
type counters struct {
	frames, missing, used, unused, lost, gaps, repaired   atomic.Uint64
	due, incomplete, scored                               atomic.Uint64
	unscorable, dropped, events, held, openings, failures atomic.Uint64
	untrusted, decodeErrors                               atomic.Uint64
	pauses                                                atomic.Uint64
	info                                                  atomic.Pointer[video.Info]
	rates                                                 atomic.Pointer[Rates]
	scales                                                atomic.Pointer[[]detect.Scale]
}

// Stats counts what happened to one camera's pictures so far. Every frame that was read and every clip that was due is
// in one counter:
//
//	Frames = Used + Unused + Lost + Waiting
//	Due    = Incomplete + Scored + Skipped + Unscorable + Dropped + Pending
//
// Waiting and Pending are in flight, and 0 once Run has returned. Missing and damaged frames were never read.
type Stats struct {
	Camera  string
	Frames  uint64 // read
	Used    uint64 // in a clip
	Unused  uint64 // skipped by the sampler, or between two clips with a hop above 16
	Lost    uint64 // in no clip: a gap, a failure or the end came before there were enough
	Waiting uint64 // in no clip yet
	Missing uint64 // left out by the source: lacking in a folder, or too many for the pipe
	// DecodeErrors counts damaged frames, which are not among the missing, and packets that gave no frame.
	DecodeErrors uint64
	Gaps         uint64 // between frames; a failure counts in Failures instead
	// Repaired frames were replaced because they alone differ from their neighbours, as a damaged picture does.
	Repaired uint64

	Due        uint64 // clips: one for every hop of the sampled frames
	Incomplete uint64 // not made: too few frames since the last gap
	Scored     uint64
	Skipped    uint64 // displaced by newer ones before they were scored: overload
	Starved    uint64 // those of them whose memory was needed, because Options.ClipMemory was used up
	Unscorable uint64 // the model gave no finite score
	Dropped    uint64 // discarded unscored because the camera or the program stopped, or by an error
	Pending    uint64 // made, not scored yet
	Clips      uint64 // made: Due without Incomplete

	Events uint64 // started
	// Held counts the events that would have started if the calibration had fitted and the camera could have been
	// trusted; Untrusted how often it could not be.
	Held, Untrusted uint64
	Paused          uint64 // number of turns for which the camera was paused for overload, each ten seconds long
	Openings        uint64 // of the source
	Failures        uint64 // of the source
	Rates           Rates  // of the longest opening
	// QueueAge is how long the clip that waits for the scheduler has waited; 0 for none.
	QueueAge time.Duration
	// Scales are the scales of the camera's errors that are in force, each with its measure; none without a threshold.
	Scales []detect.Scale
	// State is the camera's state, Since its start, and States how often each state was entered.
	State  alerts.State
	Since  time.Time
	States map[alerts.State]uint64
}

func (r *reader) snapshot() Stats {
	c := &r.stats
	state, since, states := r.health.snapshot()
	rates := c.rates.Load()
	if rates == nil {
		rates = &Rates{Asked: r.FPS}
	}
	s := Stats{
		State: state, Since: since, States: states, Camera: r.Name,
		// Later stages are read first, so that no clip is counted there before it is counted here.
		Scored: c.scored.Load(), Skipped: r.box.skipped(r.slot), Unscorable: c.unscorable.Load(),
		Starved: r.box.starved(r.slot), Dropped: c.dropped.Load(),
		Incomplete: c.incomplete.Load(), Due: c.due.Load(),
		Used: c.used.Load(), Unused: c.unused.Load(), Lost: c.lost.Load(), Frames: c.frames.Load(),
		Missing: c.missing.Load(), DecodeErrors: c.decodeErrors.Load(), Gaps: c.gaps.Load(),
		Repaired: c.repaired.Load(),
		Events:   c.events.Load(), Held: c.held.Load(), Untrusted: c.untrusted.Load(), Paused: c.pauses.Load(),
		Openings: c.openings.Load(),
		Failures: c.failures.Load(),
		Rates:    *rates,
		QueueAge: r.box.age(r.slot),
	}
	if scales := c.scales.Load(); scales != nil {
		s.Scales = *scales
	}
	s.Waiting = s.Frames - s.Used - s.Unused - s.Lost
	s.Clips = s.Due - s.Incomplete
	s.Pending = s.Clips - s.Scored - s.Skipped - s.Unscorable - s.Dropped
	return s
}

// args returns the counters as attributes for a log line.
func (s Stats) args() []any {
	return []any{
		"frames", s.Frames, "missing", s.Missing, "decode_errors", s.DecodeErrors,
		"used", s.Used, "unused", s.Unused, "lost", s.Lost, "gaps", s.Gaps,
		"repaired", s.Repaired,
		"clips_due", s.Due, "incomplete", s.Incomplete, "scored", s.Scored, "clips_skipped", s.Skipped, "paused",
		s.Paused, "unscorable", s.Unscorable,
		"dropped", s.Dropped, "events", s.Events, "alerts_held", s.Held, "untrusted", s.Untrusted,
	}
}

// updateCounts stores the window's counts plus those of the earlier windows, past.
func (r *reader) updateCounts(window *preprocess.Window) {
	s, a, p := window.Stats(), window.Account(), &r.past
	c := &r.stats
	c.used.Store(p.Used + a.Used)
	c.unused.Store(p.Unused + a.Unused)
	c.lost.Store(p.Lost + a.Lost)
	c.due.Store(p.Due + a.Due)
	c.incomplete.Store(p.Incomplete + a.Incomplete)
	c.gaps.Store(r.pastGaps + s.Gaps)
	c.repaired.Store(r.pastRepaired + window.Repaired())
}

// addPastCounts adds the counts of a window that ends to past. Its waiting pictures are lost, and so are those that
// were not pushed.
func (r *reader) addPastCounts(window *preprocess.Window) {
	s, a, p := window.Stats(), window.Account(), &r.past
	r.pastGaps += s.Gaps
	r.pastRepaired += window.Repaired()
	p.Used, p.Unused, p.Incomplete, p.Due = p.Used+a.Used, p.Unused+a.Unused, p.Incomplete+a.Incomplete, p.Due+a.Due
	p.Lost = r.stats.frames.Load() - p.Used - p.Unused
	r.stats.lost.Store(p.Lost)
}
