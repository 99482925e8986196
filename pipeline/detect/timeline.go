package detect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Timeline is the text form of scores and of the events that the detector makes of them, which docs/formats/timeline.md
// describes.
type Timeline struct {
	TimelineSettings
	Clips []Clip // without regularity; all their moments are the same
	// Events are those that the text expects; not nil if it has the line events.
	Events []TimelineEvent
}

// TimelineSettings are the settings of a timeline: its keys are those of the text. Durations are in seconds.
type TimelineSettings struct {
	Lo    float64 `json:"lo"`
	Theta float64 `json:"theta"`
	Record
}

// TimelineEvent is an event of a timeline. Times are in seconds.
type TimelineEvent struct {
	StartSeconds   float64 `json:"start_seconds"`  // the first clip of the run that opened it
	RaisedSeconds  float64 `json:"raised_seconds"` // the clip that opened it
	PeakSeconds    float64 `json:"peak_seconds"`   // the clip with the highest error
	EndSeconds     float64 `json:"end_seconds"`    // the last clip that was not above leave
	PeakError      float64 `json:"peak_error"`
	PeakRegularity float64 `json:"peak_regularity"`
	EndReason      string  `json:"end_reason"` // EndCalm or EndSourceEnded
}

// The reasons for which an event of a recording ends, as in alerts.
const (
	EndCalm        = "calm"
	EndSourceEnded = "source_ended"
	EndUntrusted   = "untrusted"
)

// EndReason says why the event ended.
func (r Replayed) EndReason() string {
	switch {
	case r.Calm:
		return EndCalm
	case r.Untrusted:
		return EndUntrusted
	}
	return EndSourceEnded
}

// maxTimelineLine bounds a line of a timeline, in bytes.
const maxTimelineLine = 1 << 12

// ParseTimeline reads a timeline. Settings that the text does not name are the default ones, with lo 0 and theta 1.
func ParseTimeline(r io.Reader) (*Timeline, error) {
	t := &Timeline{TimelineSettings: TimelineSettings{Theta: 1, Record: DefaultConfig().Record()}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTimelineLine)
	n := 0
	for lines.Scan() {
		n++
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if err := t.line(words); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(t.Clips) == 0 {
		return nil, errors.New("has no score, want lines with seconds and an error")
	}
	return t, t.Check()
}

// Check checks the settings.
func (s TimelineSettings) Check() error {
	if !(s.Lo < s.Theta) || math.IsInf(s.Theta-s.Lo, 0) {
		return fmt.Errorf("lo %g and theta %g: lo must be below theta", s.Lo, s.Theta)
	}
	return s.Config().Validate()
}

func (t *Timeline) line(words []string) error {
	switch first := words[0]; {
	case t.Events != nil:
		return t.addEvent(words)
	case first == "events" && len(words) == 1:
		t.Events = []TimelineEvent{}
		return nil
	case first[0] >= 'a' && first[0] <= 'z':
		if t.Clips != nil {
			return fmt.Errorf("%q after the first score: settings stand before it", first)
		}
		return t.set(words)
	}
	return t.addClip(words)
}

// set takes a setting, by the names of the fields in JSON.
func (t *Timeline) set(words []string) error {
	if len(words) != 2 {
		return fmt.Errorf("%q: want a setting and its value", strings.Join(words, " "))
	}
	value, err := finite(words[1])
	if err != nil {
		return fmt.Errorf("%s: %w", words[0], err)
	}
	text, err := json.Marshal(map[string]float64{words[0]: value})
	if err != nil {
		return err
	}
	to := json.NewDecoder(bytes.NewReader(text))
	to.DisallowUnknownFields()
	if err := to.Decode(&t.TimelineSettings); err != nil {
		return fmt.Errorf(
			"%q is not a setting; settings are lo, theta, and those of a detector, as open_after, in seconds",
			words[0])
	}
	return nil
}

func (t *Timeline) addClip(words []string) error {
	if len(words) < 2 || len(words) > 3 || len(words) == 3 && words[2] != "gap" {
		return fmt.Errorf("%q: want seconds, an error and, after a gap, the word gap", strings.Join(words, " "))
	}
	values, err := allFinite(words[:2])
	if err != nil {
		return err
	}
	at := Moment{Frame: uint64(len(t.Clips)), PTS: streamTime(values[0])}
	if n := len(t.Clips); at.PTS < 0 || n > 0 && at.PTS <= t.Clips[n-1].Time() {
		return fmt.Errorf("%s s: times must not be negative, and must ascend", words[0])
	}
	t.Clips = append(t.Clips, Clip{
		First: at, Centre: at, Last: at, ScoredFrom: at, ScoredCentre: at, Error: values[1],
		Gap: len(words) == 3,
	})
	return nil
}

func (t *Timeline) addEvent(words []string) error {
	if len(words) != 7 {
		return fmt.Errorf("%q: want start, raised, peak, end, peak error, peak regularity and reason of an event",
			strings.Join(words, " "))
	}
	v, err := allFinite(words[:6])
	if err != nil {
		return err
	}
	if words[6] != EndCalm && words[6] != EndSourceEnded {
		return fmt.Errorf("the reason is %q, want %s or %s", words[6], EndCalm, EndSourceEnded)
	}
	t.Events = append(t.Events, TimelineEvent{v[0], v[1], v[2], v[3], v[4], v[5], words[6]})
	return nil
}

// Replay runs the detector over the scores.
func (t *Timeline) Replay() []TimelineEvent {
	events := []TimelineEvent{}
	scales := []Scale{{Lo: t.Lo, Theta: t.Theta}}
	scored := func(yield func(Clip) bool) {
		for _, c := range t.Clips {
			c.Readings[0].Error = c.Error
			c.ApplyScales(scales)
			if !yield(c) {
				return
			}
		}
	}
	for _, e := range Replay(scored, t.Config()) {
		events = append(events, TimelineEvent{
			e.Start.Time().Seconds(), e.Raised.Time().Seconds(), e.Peak.Time().Seconds(), e.End.Time().Seconds(),
			e.Peak.Error, e.Peak.Regularity, e.EndReason(),
		})
	}
	return events
}

// CheckEvents returns an error that shows both, if the events are not those that the text expects.
func (t *Timeline) CheckEvents(got []TimelineEvent) error {
	if t.Events == nil || slices.EqualFunc(got, t.Events, alike) {
		return nil
	}
	return fmt.Errorf("expects %s, and the detector gives %s", eventLines(t.Events), eventLines(got))
}

// alike allows for the rounding of times to microseconds, and of numbers to six digits.
func alike(a, b TimelineEvent) bool {
	near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-6*max(1, math.Abs(x)) }
	return near(a.StartSeconds, b.StartSeconds) && near(a.RaisedSeconds, b.RaisedSeconds) &&
		near(a.PeakSeconds, b.PeakSeconds) && near(a.EndSeconds, b.EndSeconds) &&
		near(a.PeakError, b.PeakError) && near(a.PeakRegularity, b.PeakRegularity) && a.EndReason == b.EndReason
}

func eventLines(events []TimelineEvent) string {
	if len(events) == 0 {
		return "no event"
	}
	var all []string
	for _, e := range events {
		all = append(all, e.String())
	}
	return strings.Join(all, "; ")
}

// String is the event's line of a timeline.
func (e TimelineEvent) String() string {
	return fmt.Sprintf("%.6g %.6g %.6g %.6g %.6g %.6g %s", e.StartSeconds, e.RaisedSeconds, e.PeakSeconds, e.EndSeconds,
		e.PeakError,
		e.PeakRegularity, e.EndReason)
}

// maxSeconds keeps stream time within time.Duration.
const maxSeconds = 1e9

// streamTime rounds seconds to microseconds.
func streamTime(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}

func allFinite(words []string) ([]float64, error) {
	values := make([]float64, len(words))
	for i, word := range words {
		var err error
		if values[i], err = finite(word); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func finite(word string) (float64, error) {
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || !(math.Abs(v) <= maxSeconds) {
		return 0, fmt.Errorf("%q is not a number from -1e9 to 1e9", word)
	}
	return v, nil
}
