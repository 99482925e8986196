package eval

import (
	"iter"
	"slices"

	"gonum.org/v1/gonum/stat"

	"vigil/internal/median"
	"vigil/pipeline/detect"
)

// Span is a range of frames, both ends included.
type Span struct {
	First int `json:"first_frame"`
	Last  int `json:"last_frame"`
}

func (s Span) overlaps(t Span) bool { return s.First <= t.Last && t.First <= s.Last }

// Spans are the maximal runs of true.
func Spans(frames []bool) []Span {
	var out []Span
	for i, on := range frames {
		switch {
		case !on:
		case i > 0 && frames[i-1]:
			out[len(out)-1].Last = i
		default:
			out = append(out, Span{i, i})
		}
	}
	return out
}

// Alarm is an event that the detector raised.
type Alarm struct {
	Span            // from the first scored frame of its first clip to the last one of its last clip, as in the alert
	RaisedFrame int `json:"raised_frame"` // the last frame available when it was raised
	// Cause is the measure of its peak; empty for external scores.
	Cause string `json:"cause,omitempty"`
}

const (
	// maxLead is how many seconds before an event's onset an alarm may begin and still be an alarm of that event. The
	// labels' onsets are about that uncertain; what began earlier was raised by something else.
	maxLead = 2.0
	// minOverlap is how many seconds after the onset an alarm that began earlier must still be on to find the event.
	minOverlap = 1.0
)

// Events compares the alarms of one or more videos with the labels. A labelled event is a maximal run of abnormal
// frames, its onset the first of them.
//
// An alarm belongs to an event if it shares a frame with it and began at most maxLead seconds before the onset. An
// alarm that belongs to no event is false. An event is found if an alarm belongs to it, or if an earlier alarm is
// still on minOverlap seconds after the onset: somebody who looks at that alarm sees the event. An alarm can belong to
// one event and, going on, find the next.
//
// Where the frame rate is not known, an alarm belongs to every event that it shares a frame with.
type Events struct {
	Truth  int `json:"truth"`
	Found  int `json:"found"`
	Missed int `json:"missed"`
	Alarms int `json:"alarms"`
	False  int `json:"false"`
	// The delay is from an event's onset to the last frame available when the first alarm that belongs to it was
	// raised; 0 if the alarm was raised before.
	DelayMedian  Number `json:"delay_median_seconds"`
	DelayMean    Number `json:"delay_mean_seconds"`
	DelayMax     Number `json:"delay_max_seconds"`
	FalsePerHour Number `json:"false_per_hour"` // of video
	// FoundByEarlier counts the found events that no alarm belongs to. They have no delay.
	FoundByEarlier int `json:"found_by_earlier_alarm"`
	// AtRecall is what finding a share of the events costs.
	AtRecall []AtRecall `json:"at_recall"`

	delays []float64
	hours  float64
}

// alarmsOf runs the pipeline's detector over the clips of a video, as for a camera.
func alarmsOf(clips []detect.Clip, cfg detect.Config, scales []detect.Scale) []Alarm {
	var alarms []Alarm
	for _, e := range detect.Replay(onScales(clips, scales), cfg) {
		alarms = append(alarms, Alarm{
			Span: Span{int(e.Start.ScoredFrom.Frame), int(e.End.Last.Frame)}, RaisedFrame: int(e.Raised.Last.Frame),
			Cause: string(e.Peak.Cause),
		})
	}
	return alarms
}

// onScales returns the clips with their regularity on the scales.
func onScales(clips []detect.Clip, scales []detect.Scale) iter.Seq[detect.Clip] {
	return func(yield func(detect.Clip) bool) {
		for _, c := range clips {
			applyScales(&c, scales)
			if !yield(c) {
				return
			}
		}
	}
}

// add adds the alarms of a video, which are in the order of time.
func (e *Events) add(r Recording, alarms []Alarm) {
	m := matchEvents(r, alarms)
	e.Truth += m.truth
	e.Alarms += len(alarms)
	e.Found += m.found
	e.FoundByEarlier += m.byEarlier
	e.Missed += m.truth - m.found
	e.False += m.false
	e.delays = append(e.delays, m.delays...)
	e.hours += float64(len(r.Abnormal)) / r.rate() / 3600
}

// FalseAlarms counts the alarms in normal video, and its hours.
func FalseAlarms(recordings []Recording, o Options) (alarms int, hours float64) {
	for _, r := range recordings {
		alarms += len(alarmsOf(Subsample(r.Clips, o.Hop), o.Detector, o.Thresholds[r.Camera].Scales()))
		hours += float64(len(r.Abnormal)) / r.rate() / 3600
	}
	return alarms, hours
}

// matched is what the alarms of a video find, by the rules of Events.
type matched struct {
	truth, found, byEarlier, false int
	delays                         []float64 // of the found events that an alarm belongs to
	first                          int       // the first alarm that belongs to an event, -1 for none
}

// matchEvents compares the alarms of a video, which are in the order of time, with its labels.
func matchEvents(r Recording, alarms []Alarm) matched {
	truth := Spans(r.Abnormal)
	m := matched{truth: len(truth), first: -1}
	fps := r.rate()
	seconds := func(frames int) float64 { return float64(frames) / fps }
	belongs := make([]bool, len(alarms)) // to any event
	for _, span := range truth {
		first, earlierOn := -1, false
		for i, a := range alarms {
			switch {
			case !a.overlaps(span):
			case seconds(span.First-a.First) > maxLead:
				earlierOn = earlierOn || seconds(a.Last-span.First) >= minOverlap
			default:
				belongs[i] = true
				if first < 0 {
					first = i
				}
			}
		}
		switch {
		case first >= 0:
			m.found++
			m.delays = append(m.delays, seconds(max(0, alarms[first].RaisedFrame-span.First)))
		case earlierOn:
			m.found++
			m.byEarlier++
		}
	}
	m.first = slices.Index(belongs, true)
	for _, ok := range belongs {
		if !ok {
			m.false++
		}
	}
	return m
}

// finish computes the averages.
func (e *Events) finish() {
	e.DelayMedian, e.DelayMean, e.DelayMax = nan, nan, nan
	if len(e.delays) > 0 {
		e.DelayMedian, e.DelayMean = Number(median.Interpolated(e.delays)), Number(stat.Mean(e.delays, nil))
		e.DelayMax = Number(slices.Max(e.delays))
	}
	e.FalsePerHour = Number(float64(e.False) / e.hours)
}
