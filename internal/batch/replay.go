package batch

import (
	"context"
	"fmt"
	"io"
	"slices"

	"vigil/alerts"
	"vigil/eval"
	"vigil/internal/progress"
	"vigil/pipeline"
	"vigil/pipeline/detect"
)

// Replay scores whole recordings, one after the other.
type Replay struct {
	*Recordings
	Options pipeline.Options // without OnClip and OnAlert
	Scores  *eval.Table      // clip scores; may be nil
	Events  *eval.Table      // may be nil
	// OnEvent is called with each event that has ended.
	OnEvent func(video string, a alerts.Alert)

	results Results
}

// Run replays the recordings that are not bad according to Probe, with so many frames if not 0. One that cannot be read
// to its end has an error in its result, and its scores and events are not in the tables; these are committed unless
// all are bad. Progress and notes go to w.
func (r *Replay) Run(ctx context.Context, frames int, bad []error, w io.Writer) (Results, error) {
	bar := progress.New(w, "replay", "frames", frames)
	for i, one := range r.All {
		if bad[i] != nil {
			r.results = append(r.results, VideoResult{Video: one.Name, Error: bad[i].Error()})
			continue
		}
		if err := r.replay(ctx, one, bar); err != nil {
			bar.Finish()
			return nil, err
		}
	}
	bar.Finish()
	r.Rates.Print(w, "replay")
	return r.results, nil
}

// Commit writes the tables to their files, unless no recording was replayed to its end.
func (r *Replay) Commit() error {
	good := slices.ContainsFunc(r.results, func(v VideoResult) bool { return v.Error == "" })
	if r.Scores == nil || !good {
		return nil
	}
	if err := r.Events.Commit(); err != nil {
		return err
	}
	return r.Scores.Commit()
}

func (r *Replay) replay(ctx context.Context, one Recording, bar *progress.Bar) error {
	cam, err := r.camera(one, bar.Add)
	if err != nil {
		return err
	}
	if err := ownBackground(ctx, &cam, r.Options.Threads); err != nil && ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		r.results = append(r.results, VideoResult{Video: one.Name, Error: fmt.Sprintf("%s: %v", one.Source, err)})
		return nil
	}
	opts := r.Options
	var clips []eval.ScoredFrame
	var ended []alerts.Alert
	if r.Scores != nil {
		opts.OnClip = func(c detect.Clip) {
			// A row is a clip's start + 8, which partial clips do not have.
			if !c.Partial() {
				clips = append(clips, eval.RowOf(c))
			}
		}
	}
	opts.OnAlert = func(a alerts.Alert) {
		if a.Phase == alerts.PhaseEnd {
			ended = append(ended, a)
		}
	}
	stats, err := pipeline.Run(ctx, []pipeline.Camera{cam}, opts)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	result := VideoResult{
		Video: one.Name, Frames: stats[0].Frames, Clips: stats[0].Scored, Events: stats[0].Events,
		Unscorable: stats[0].Unscorable, Untrusted: stats[0].Untrusted, Held: stats[0].Held,
	}
	if err == nil {
		result.Source, result.Seen = stats[0].Rates.Source, stats[0].Rates.Seen
		r.Rates.add(one.Name, stats[0].Rates)
	} else {
		result.Error = fmt.Sprintf("%s: %v", one.Source, err)
	}
	r.results = append(r.results, result)
	r.printNotes(bar)
	if n := result.Unscorable; n > 0 {
		fmt.Fprintf(bar, "%s: %d clips could not be scored, %d were\n", one.Name, n, result.Clips)
	}
	bar.Clear() // the events may go to the same terminal
	for _, a := range ended {
		r.OnEvent(one.Name, a)
		if r.Events != nil && err == nil {
			r.Events.AddEvent(one.Name, a)
		}
	}
	if r.Scores != nil && err == nil {
		r.Scores.AddScores(one.Name, clips)
	}
	return nil
}
