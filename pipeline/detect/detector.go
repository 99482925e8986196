// Package detect turns the scores of one camera's clips into events: regularity, hysteresis in stream time, and the
// regions of the picture where the error is high. It starts no goroutine and does no I/O.
package detect

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Config sets when low regularity becomes an event. All durations are stream time, so neither the hop nor the machine's
// speed changes what becomes an event.
type Config struct {
	Enter, Leave float64       // regularity: an event opens below Enter and closes above Leave; 0 < Enter < Leave <= 1
	OpenAfter    time.Duration // how long regularity must stay below Enter
	// OpenAtOnce is how many times as far above lo as the level of Enter two clips in a row open an event without
	// waiting for OpenAfter; 0 for never. One clip does not, since a single damaged picture makes one.
	OpenAtOnce  float64
	CloseAfter  time.Duration // how long it must stay above Leave
	MinDuration time.Duration // minimum length of an event, against flapping
	// CoolDown is how long after an end no event opens. An anomaly that outlasts it opens an event with its true start.
	CoolDown    time.Duration
	UpdateEvery time.Duration // minimum interval between updates; each has the highest peak so far
}

// DefaultOpenAtOnce is the default of Config.OpenAtOnce.
const DefaultOpenAtOnce = 4

// DefaultConfig suits people and vehicles at 5 to 25 frames a second.
func DefaultConfig() Config {
	return Config{
		Enter: 0.5, Leave: 0.6, OpenAfter: 500 * time.Millisecond, OpenAtOnce: DefaultOpenAtOnce,
		CloseAfter: 2 * time.Second, CoolDown: 5 * time.Second, UpdateEvery: 5 * time.Second,
	}
}

// Validate returns an error that names the value that is out of range.
func (c Config) Validate() error {
	if !(c.Enter > 0 && c.Enter < c.Leave && c.Leave <= 1) {
		return fmt.Errorf("enter %g and leave %g: must be 0 < enter < leave <= 1", c.Enter, c.Leave)
	}
	if !(c.OpenAtOnce == 0 || c.OpenAtOnce >= 1) || math.IsInf(c.OpenAtOnce, 0) {
		return fmt.Errorf("open at once %g: must be 0 for never, or at least 1", c.OpenAtOnce)
	}
	if min(c.OpenAfter, c.CloseAfter, c.MinDuration, c.CoolDown, c.UpdateEvery) < 0 {
		return fmt.Errorf("durations must not be negative: %+v", c)
	}
	return nil
}

// enterExcess is the Excess at the regularity Enter.
func (c Config) enterExcess() float64 { return 2 * (1 - c.Enter) }

// Transition is the result of a clip.
type Transition int

// An event starts, its peak rises notably any number of times, and it ends.
const (
	None Transition = iota
	Started
	PeakRaised
	Ended
	// PeakRising is a notable rise too soon after a reported one. It is not published yet, but evidence is taken now,
	// while the pictures are still buffered.
	PeakRising
)

// notableRise is the factor by which a peak's Excess must be above that of the last reported peak to be reported.
const notableRise = 1.25

// Detector turns the regularity of one camera into events with hysteresis. Use NewDetector; the zero value is not
// usable.
type Detector struct {
	cfg Config

	now   time.Duration // stream time of the latest clip; monotonic
	open  bool
	event Event

	low         bool          // a run of clips below Enter is under way, not yet an event
	lowSince    time.Duration // start of that run
	high        bool          // the latest clip, before any gap, is high enough to open an event at once with the next
	calm        bool          // an event is open and a run of clips above Leave is under way
	calmSince   time.Duration
	published   float64       // Excess of the peak last published
	returned    float64       // Excess of the peak last returned
	publishedAt time.Duration // stream time of the last PeakRaised; the start of the event does not count
	raised      bool          // PeakRaised has been returned for this event
	ended       bool          // an event has ended before
	endedAt     time.Duration // end of the last event
}

// Event is the detector's view of an event: Start is the first clip of the run that opened it, End the latest clip that
// was not above Leave.
type Event struct {
	Start, Peak, End Clip
	Zones            []string // every zone overlapped so far, in order of first overlap
}

// NewDetector returns a detector for one camera.
func NewDetector(cfg Config) *Detector { return &Detector{cfg: cfg} }

// Push processes the next clip of the stream. The Event is valid unless the transition is None.
func (d *Detector) Push(c Clip) (Transition, Event) {
	d.now = max(d.now, c.Time())
	if c.Gap {
		// What happened in the gap is unknown: runs of clips must not span it.
		d.low, d.calm, d.high = false, false, false
	}
	twice := d.high
	d.high = d.cfg.OpenAtOnce > 0 && c.Excess > d.cfg.OpenAtOnce*d.cfg.enterExcess()
	if d.open {
		return d.pushOpen(c)
	}
	twice = twice && d.high
	if c.Regularity >= d.cfg.Enter {
		d.low = false
		return None, Event{}
	}
	if !d.low {
		d.low, d.lowSince = true, d.now
		d.event = Event{Start: c, Peak: c}
	}
	d.update(c)
	if d.now-d.lowSince < d.cfg.OpenAfter && !twice || d.ended && d.now-d.endedAt < d.cfg.CoolDown {
		return None, Event{}
	}
	d.open, d.low, d.calm = true, false, false
	d.published, d.returned, d.raised = d.event.Peak.Excess, d.event.Peak.Excess, false
	return Started, d.event
}

func (d *Detector) pushOpen(c Clip) (Transition, Event) {
	d.update(c)
	if c.Regularity <= d.cfg.Leave {
		d.calm = false
	} else if !d.calm {
		d.calm, d.calmSince = true, d.now
	}
	if d.calm && !c.Doubt && d.now-d.calmSince >= d.cfg.CloseAfter && d.now-d.event.Start.Time() >= d.cfg.MinDuration {
		return d.Close()
	}
	if d.event.Peak.Excess > notableRise*d.published && (!d.raised || d.now-d.publishedAt >= d.cfg.UpdateEvery) {
		d.published, d.returned, d.publishedAt, d.raised = d.event.Peak.Excess, d.event.Peak.Excess, d.now, true
		return PeakRaised, d.event
	}
	if d.event.Peak.Excess > notableRise*d.returned {
		d.returned = d.event.Peak.Excess
		return PeakRising, d.event
	}
	return None, Event{}
}

// update records the clip's peak, end and zones in the event.
func (d *Detector) update(c Clip) {
	if c.Excess > d.event.Peak.Excess {
		d.event.Peak = c
	}
	if c.Regularity <= d.cfg.Leave {
		d.event.End = c
		d.event.Zones = union(d.event.Zones, c.Zones)
	}
}

// Open reports whether an event is open.
func (d *Detector) Open() bool { return d.open }

// Close ends the open event, if any: the source ended or was lost, or the camera was disarmed.
func (d *Detector) Close() (Transition, Event) {
	d.low, d.calm, d.high = false, false, false
	if !d.open {
		return None, Event{}
	}
	d.open, d.ended, d.endedAt = false, true, d.now
	return Ended, d.event
}

// Peak returns the frame of the highest Excess of the open event, or of the run of clips that may become one.
func (d *Detector) Peak() (frame uint64, ok bool) {
	return d.event.Peak.Centre.Frame, d.open || d.low
}

// union returns a with the strings of b that it lacks. It never writes to a, since earlier Events share it.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(slices.Clip(a), s)
		}
	}
	return a
}
