package eval

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"vigil/internal/median"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// Detected are the events that the detector makes of scores.
type Detected struct {
	Lo       *float64        `json:"lo"` // null where the regularity is the file's
	Theta    *float64        `json:"theta"`
	Detector detect.Record   `json:"detector"`
	Events   []DetectedEvent `json:"events"`

	videos int
}

// DetectedEvent is an event of a video. Frames are those that the scores are of, but for the raised one; null for
// scores by time.
type DetectedEvent struct {
	Video       string  `json:"video"`
	StartFrame  *uint64 `json:"start_frame"`  // of the first score of the run that opened the event
	RaisedFrame *uint64 `json:"raised_frame"` // the last frame of the clip that opened it
	PeakFrame   *uint64 `json:"peak_frame"`
	EndFrame    *uint64 `json:"end_frame"` // of the last score that was not above leave
	detect.TimelineEvent
}

// usualGap is the multiple of a video's usual step between scores above which a step is a gap in the video.
const usualGap = 2

// Detect runs the detector over the scores of each video. A gap in the scores is one in the video. fps is how many of
// the numbered frames there are in a second; without a threshold the regularity is that of the scores.
func (g *ExternalScores) Detect(fps float64, threshold *pipeline.Threshold, cfg detect.Config) (*Detected, error) {
	out := &Detected{Detector: cfg.Record(), Events: []DetectedEvent{}, videos: len(g.Videos)}
	if threshold != nil {
		out.Lo, out.Theta = &threshold.Lo, &threshold.Theta
	}
	for _, name := range slices.Sorted(maps.Keys(g.Videos)) {
		clips := timed(g.Videos[name], fps)
		scored := slices.Values(clips)
		if threshold != nil {
			scored = onScales(clips, threshold.Scales())
		} else if err := g.checkRegularity(name); err != nil {
			return nil, err
		}
		out.add(name, scored, cfg, fps)
	}
	return out, nil
}

func (d *Detected) add(video string, clips iter.Seq[detect.Clip], cfg detect.Config, fps float64) {
	for _, e := range detect.Replay(clips, cfg) {
		start, raised, peak, end := e.Start.Centre.Frame, e.Raised.Last.Frame, e.Peak.Centre.Frame, e.End.Centre.Frame
		at := func(frame uint64) float64 { return float64(frame) / fps }
		d.Events = append(d.Events, DetectedEvent{
			Video: video, StartFrame: &start, RaisedFrame: &raised, PeakFrame: &peak, EndFrame: &end,
			TimelineEvent: detect.TimelineEvent{
				StartSeconds: at(start), RaisedSeconds: at(raised), PeakSeconds: at(peak), EndSeconds: at(end),
				PeakError: e.Peak.Error, PeakRegularity: e.Peak.Regularity, EndReason: e.EndReason(),
			},
		})
	}
}

// DetectTimeline shows the events of a timeline like those of a video.
func DetectTimeline(name string, t *detect.Timeline, events []detect.TimelineEvent) *Detected {
	out := &Detected{Lo: &t.Lo, Theta: &t.Theta, Detector: t.Record, Events: []DetectedEvent{}, videos: 1}
	for _, e := range events {
		out.Events = append(out.Events, DetectedEvent{Video: name, TimelineEvent: e})
	}
	return out
}

// timed are the clips with stream times and gaps.
func timed(clips []detect.Clip, fps float64) []detect.Clip {
	clips = slices.Clone(clips)
	at := func(m *detect.Moment) {
		m.PTS = time.Duration(math.Round(float64(m.Frame) / fps * float64(time.Second)))
	}
	var steps []float64
	for i := range clips {
		at(&clips[i].Centre)
		at(&clips[i].Last)
		clips[i].Excess = clips[i].Error // it ranks peaks, until there is a threshold
		if i > 0 {
			steps = append(steps, float64(clips[i].Centre.Frame-clips[i-1].Centre.Frame))
		}
	}
	usual := median.Interpolated(steps)
	for i, step := range steps {
		clips[i+1].Gap = step > usualGap*usual
	}
	return clips
}

// checkRegularity returns an error if the file does not have the regularity of each score.
func (g *ExternalScores) checkRegularity(name string) error {
	for _, c := range g.Videos[name] {
		if math.IsNaN(c.Regularity) && c.Untrusted == "" {
			return fmt.Errorf("%s: frame %d of %s has no regularity, so a threshold is needed: --lo and --theta, "+
				"--calibration or -c", g.sourceFile[name], c.Centre.Frame, name)
		}
	}
	return nil
}

// DetectColumns are the columns of the table that Detected.Write writes.
var DetectColumns = []string{
	"video", "start_frame", "raised_frame", "peak_frame", "end_frame", "start_seconds", "raised_seconds",
	"peak_seconds", "end_seconds", "peak_error", "peak_regularity", "end_reason",
}

// Write writes the events as a CSV file.
func (d *Detected) Write(path string) error {
	t, err := newTable(path, DetectColumns...)
	if err != nil {
		return err
	}
	defer t.Discard()
	frame := func(n *uint64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatUint(*n, 10)
	}
	for _, e := range d.Events {
		t.row(textCell(e.Video), frame(e.StartFrame), frame(e.RaisedFrame), frame(e.PeakFrame), frame(e.EndFrame),
			seconds(e.StartSeconds), seconds(e.RaisedSeconds), seconds(e.PeakSeconds), seconds(e.EndSeconds),
			number(e.PeakError),
			number(e.PeakRegularity), e.EndReason)
	}
	return t.Commit()
}

// Print prints a line for each event.
func (d *Detected) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(d.Events) > 0 {
		fmt.Fprintln(w, "video\tstart\traised\tpeak\tend\tpeak error\tregularity\treason")
	}
	for _, e := range d.Events {
		fmt.Fprintf(w, "%s\t%.1f s\t%.1f s\t%.1f s\t%.1f s\t%s\t%.2f\t%s\n", e.Video, e.StartSeconds, e.RaisedSeconds,
			e.PeakSeconds,
			e.EndSeconds,
			number4(e.PeakError), e.PeakRegularity, e.EndReason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s in %s\n", counted(len(d.Events), "event"), counted(d.videos, "video"))
	return err
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
