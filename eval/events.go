package eval

import (
	"math"
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
}

// Events compares the alarms of one or more videos with the labels. A labelled event is a maximal run of abnormal
// frames; it is found if an alarm shares a frame with it. An alarm that shares a frame with no labelled event is false.
type Events struct {
	Truth  int `json:"truth"`
	Found  int `json:"found"`
	Missed int `json:"missed"`
	Alarms int `json:"alarms"`
	False  int `json:"false"`
	// The delay is from an event's first abnormal frame to the last frame available when its first alarm was raised; 0
	// if the alarm was raised before.
	DelayMedian  Number `json:"delay_median_seconds"`
	DelayMean    Number `json:"delay_mean_seconds"`
	DelayMax     Number `json:"delay_max_seconds"`
	FalsePerHour Number `json:"false_per_hour"` // of video

	delays []float64
	hours  float64
}

// alarmsOf runs the pipeline's detector over the clips of a video, as for a camera.
func alarmsOf(clips []detect.Clip, cfg detect.Config, lo, theta float64) []Alarm {
	d := detect.NewDetector(cfg, lo)
	var alarms []Alarm
	end := func(ep detect.Event) {
		a := &alarms[len(alarms)-1]
		a.Span = Span{int(ep.Start.ScoredFrom.Frame), int(ep.End.Last.Frame)}
	}
	for _, c := range clips {
		c.Regularity = detect.Regularity(c.Error, lo, theta)
		switch change, ep := d.Push(c); change {
		case detect.Started:
			alarms = append(alarms, Alarm{RaisedFrame: int(c.Last.Frame)})
		case detect.Ended:
			end(ep)
		}
	}
	if change, ep := d.Close(); change == detect.Ended {
		end(ep)
	}
	return alarms
}

// add adds the alarms of a video.
func (e *Events) add(r Recording, alarms []Alarm) {
	truth := Spans(r.Abnormal)
	e.Truth += len(truth)
	e.Alarms += len(alarms)
	fps := r.FPS
	if !(fps > 0) {
		// Without a known rate, times are undefined, not infinite.
		fps = math.NaN()
	}
	e.hours += float64(len(r.Abnormal)) / fps / 3600
	for _, span := range truth {
		i := slices.IndexFunc(alarms, func(a Alarm) bool { return a.overlaps(span) })
		if i < 0 {
			e.Missed++
			continue
		}
		e.Found++
		e.delays = append(e.delays, float64(max(0, alarms[i].RaisedFrame-span.First))/fps)
	}
	for _, a := range alarms {
		if !slices.ContainsFunc(truth, a.overlaps) {
			e.False++
		}
	}
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
