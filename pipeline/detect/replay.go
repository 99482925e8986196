package detect

import "iter"

// Replayed is an event of a recording.
type Replayed struct {
	Event
	Raised Clip // the clip that opened it
	Calm   bool // regularity stayed above Leave; otherwise it ended with the last clip, or
	// Untrusted that the camera could not be trusted any more.
	Untrusted bool
}

// Replay runs the detector over the clips of a recording, which have their regularity and excess, and returns the
// events in order.
func Replay(clips iter.Seq[Clip], cfg Config) []Replayed {
	d := NewDetector(cfg)
	var events []Replayed
	for c := range clips {
		if c.Untrusted != "" {
			if change, event := d.Close(); change == Ended {
				events[len(events)-1].Event, events[len(events)-1].Untrusted = event, true
			}
			continue
		}
		switch change, event := d.Push(c); change {
		case Started:
			events = append(events, Replayed{Raised: c})
		case Ended:
			events[len(events)-1].Event, events[len(events)-1].Calm = event, true
		}
	}
	if change, event := d.Close(); change == Ended {
		events[len(events)-1].Event = event
	}
	return events
}
