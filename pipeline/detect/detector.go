// Package detect turns the scores of one camera's clips into events: regularity, hysteresis in stream time, and where
// in the picture an error is high. It starts no goroutine and does no I/O.
package detect

import (
	"fmt"
	"slices"
	"time"
)

// Config says when low regularity becomes an event. All durations are stream time, so that neither the hop nor
// the speed of the machine changes what is an event.
type Config struct {
	Enter, Leave float64       // regularity: an event opens below Enter and closes above Leave; 0 < Enter < Leave <= 1
	OpenAfter    time.Duration // how long regularity must stay below Enter
	CloseAfter   time.Duration // how long it must stay above Leave
	MinDuration  time.Duration // an event stays open at least this long, so that it does not flap
	// after an end no event opens for this long; one still low then opens with its true start
	CoolDown    time.Duration
	UpdateEvery time.Duration // a peak that rises is reported at most once in so long, with how far it rose meanwhile
}

// DefaultConfig suits people and vehicles at 5 to 25 frames a second.
func DefaultConfig() Config {
	return Config{
		Enter: 0.5, Leave: 0.6, OpenAfter: 500 * time.Millisecond, CloseAfter: 2 * time.Second,
		CoolDown: 5 * time.Second, UpdateEvery: 5 * time.Second,
	}
}

// Validate returns an error that names what is out of range.
func (c Config) Validate() error {
	if !(c.Enter > 0 && c.Enter < c.Leave && c.Leave <= 1) {
		return fmt.Errorf("enter %g and leave %g: must be 0 < enter < leave <= 1", c.Enter, c.Leave)
	}
	if min(c.OpenAfter, c.CloseAfter, c.MinDuration, c.CoolDown, c.UpdateEvery) < 0 {
		return fmt.Errorf("durations must not be negative: %+v", c)
	}
	return nil
}

// Transition is what a detector has to say.
type Transition int

// The life of an event: it starts, its peak rises notably any number of times, it ends.
const (
	None Transition = iota
	Started
	PeakRaised
	Ended
	// PeakRising is a peak that has risen notably too soon after one that was reported: it is to be looked at while its
	// pictures are there.
	PeakRising
)

// notableRise is how much further above normal a peak must be than the last one published to be worth an update.
const notableRise = 1.25

// Detector turns the regularity of one camera into events with hysteresis. The zero value is not ready: NewDetector.
type Detector struct {
	cfg Config
	lo  float64

	now   time.Duration // stream time of the latest clip; never goes backwards
	open  bool
	event Event

	low         bool          // a run of clips below Enter is under way, and not yet an event
	lowSince    time.Duration // when it began
	calm        bool          // an event is open and a run of clips above Leave is under way
	calmSince   time.Duration
	published   float64       // the peak error last published
	returned    float64       // the peak error last returned
	publishedAt time.Duration // when it had risen to that; the start counts as no rise
	risen       bool          // the peak of this event has risen before
	ended       bool          // an event has ended before
	endedAt     time.Duration // when
}

// Event is one event as the detector sees it: Start is the first clip of the run that opened it, End the latest clip
// that was not above Leave.
type Event struct {
	Start, Peak, End Clip
	Zones            []string // every zone touched so far, in order of first touch
}

// NewDetector returns a detector for one camera; lo is its calibration's low end of normal errors.
func NewDetector(cfg Config, lo float64) *Detector { return &Detector{cfg: cfg, lo: lo} }

// Push takes the next clip of the stream and says what came of it. The Event is valid unless the change is None.
func (d *Detector) Push(c Clip) (Transition, Event) {
	d.now = max(d.now, c.Time())
	if c.Gap {
		// What happened in the gap is unknown: runs of clips must not reach across it.
		d.low, d.calm = false, false
	}
	if d.open {
		return d.pushOpen(c)
	}
	if c.Regularity >= d.cfg.Enter {
		d.low = false
		return None, Event{}
	}
	if !d.low {
		d.low, d.lowSince = true, d.now
		d.event = Event{Start: c, Peak: c}
	}
	d.update(c)
	if d.now-d.lowSince < d.cfg.OpenAfter || d.ended && d.now-d.endedAt < d.cfg.CoolDown {
		return None, Event{}
	}
	d.open, d.low, d.calm = true, false, false
	d.published, d.returned, d.risen = d.event.Peak.Error, d.event.Peak.Error, false
	return Started, d.event
}

func (d *Detector) pushOpen(c Clip) (Transition, Event) {
	d.update(c)
	if c.Regularity <= d.cfg.Leave {
		d.calm = false
	} else if !d.calm {
		d.calm, d.calmSince = true, d.now
	}
	if d.calm && d.now-d.calmSince >= d.cfg.CloseAfter && d.now-d.event.Start.Time() >= d.cfg.MinDuration {
		return d.Close()
	}
	if d.event.Peak.Error-d.lo > notableRise*(d.published-d.lo) && (!d.risen ||
		d.now-d.publishedAt >= d.cfg.UpdateEvery) {
		d.published, d.returned, d.publishedAt, d.risen = d.event.Peak.Error, d.event.Peak.Error, d.now, true
		return PeakRaised, d.event
	}
	if d.event.Peak.Error-d.lo > notableRise*(d.returned-d.lo) {
		d.returned = d.event.Peak.Error
		return PeakRising, d.event
	}
	return None, Event{}
}

// update keeps what an event must remember of a clip.
func (d *Detector) update(c Clip) {
	if c.Error > d.event.Peak.Error {
		d.event.Peak = c
	}
	if c.Regularity <= d.cfg.Leave {
		d.event.End = c
		d.event.Zones = union(d.event.Zones, c.Zones)
	}
}

// Open reports whether an event is open.
func (d *Detector) Open() bool { return d.open }

// Close ends the open event, if there is one: the source ended or was lost, or the camera is no longer armed.
func (d *Detector) Close() (Transition, Event) {
	d.low, d.calm = false, false
	if !d.open {
		return None, Event{}
	}
	d.open, d.ended, d.endedAt = false, true, d.now
	return Ended, d.event
}

// Peak gives the frame of the highest error of the event that goes on, or of the run of clips that may become one.
func (d *Detector) Peak() (frame uint64, ok bool) {
	return d.event.Peak.Centre.Frame, d.open || d.low
}

// union returns a with the strings of b that it lacks; a itself is not written to, since earlier Episodes share it.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(slices.Clip(a), s)
		}
	}
	return a
}
