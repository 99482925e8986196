package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"vigil/app"
	"vigil/config"
	"vigil/eval"
	"vigil/internal/synth/kinds"
	"vigil/model"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
)

// summary is a line of the last table.
type summary struct {
	Place, Weights, Measure string
	*eval.Kinds
	Live, NoDelay eval.Number // AUC over all frames of the set
	Macro         eval.Number // mean of the AUC within a video
	Scene         eval.Number // Live, of the group scene and quiet videos alone
	Known         *eval.Live  `json:",omitempty"` // of the place's labelled data set
	BaseFalse     int         // alarms in unchanged video
	BaseHours     float64
	Theta         []float64
	Rule          string
}

// measure makes what is missing and prints the tables of a place.
func (p *place) measure(ctx context.Context, chosen []kinds.Kind) ([]summary, error) {
	test, err := p.set(ctx, chosen)
	if err != nil {
		return nil, err
	}
	weights, err := p.learn(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.score(ctx, weights, test)
	if err != nil {
		return nil, err
	}
	known, err := p.knownSet(ctx)
	if err != nil {
		return nil, err
	}
	found, err := p.watchAll(ctx, weights, test, known)
	if err != nil {
		return nil, err
	}
	var sums []summary
	for m := range strings.SplitSeq(*measure, ",") {
		cal, err := p.fit(s, m)
		if err != nil {
			return nil, err
		}
		sum, err := p.table(s, found, test, known, m, cal)
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// fit fits a threshold to the normal scores, as 'vigil calibrate --measure' does.
func (p *place) fit(s *scores, measure string) (*calibrate.Calibration, error) {
	cfg := app.Detector(config.Camera{Settings: config.Default().Defaults})
	c := calibrate.Calibration{
		Key: calibrate.Key{
			Camera: p.name, Model: s.Hash, Width: s.Width, Height: s.Height, FPS: *sees, Hop: hop,
		},
		ModelName: s.Model, ScoreForm: s.Score, LoQuantile: calibrate.DefaultLoQuantile,
		ThetaQuantile: calibrate.DefaultThetaQuantile, Margin: calibrate.DefaultMargin,
		AlarmsPerDay: config.Default().Defaults.Alarms.PerDay(), Detector: cfg.Record(), Made: time.Unix(0, 0).UTC(),
	}
	switch {
	case s.Score != model.BlockMotion && measure != "motion":
		c.ScoreForm = s.Score // the weights have one measure only
	case measure == "appearance":
		c.ScoreForm = model.BlockSq
	case measure == "both":
		c.Appearance = &calibrate.MeasureFit{}
	}
	var normal calibrate.NormalScores
	for _, v := range s.Normal {
		var one calibrate.NormalScores
		var filter calibrate.NormalFilter
		for _, clip := range v.Clips {
			if filter.Accept(&clip) {
				one.Add(clip)
			}
		}
		normal.Append(&one)
	}
	cal, err := calibrate.Fit(c, &normal)
	return &cal, err
}

// table prints the table of a measure, and writes it as JSON with the calibration.
func (p *place) table(s *scores, given reports, test, known *eval.Dataset, measure string,
	cal *calibrate.Calibration) (summary,
	error,
) {
	recordings, err := labelled("set", s.Test, given, test, cal)
	if err != nil {
		return summary{}, err
	}
	cfg := app.Detector(config.Camera{Settings: config.Default().Defaults})
	th := eval.Thresholds{"": pipeline.Threshold{Lo: cal.Lo, Theta: cal.Theta, Calibration: cal}}
	// The clips are at the live hop already.
	o := eval.Options{Hop: 1, Step: hop, Thresholds: th, Detector: cfg}
	result, err := eval.Evaluate(recordings, o)
	if err != nil {
		return summary{}, err
	}
	var base []eval.Recording
	for i := range s.Base {
		r := recording(&s.Base[i], cal)
		trust(&r, given[key("base", r.Name)])
		r.Abnormal = make([]bool, s.Base[i].Frames)
		base = append(base, r)
	}
	alarms, hours := eval.FalseAlarms(base, o)
	for _, r := range base {
		alarms += len(r.Untrusted)
	}
	sum := summary{
		Place: p.name, Weights: s.Model, Measure: measure, Kinds: result.Kinds, Live: result.Live.MicroAUC,
		NoDelay: result.Live.NoDelayMicroAUC, Macro: result.Live.MacroAUC, BaseFalse: alarms, BaseHours: hours,
		Theta: []float64{cal.Theta},
		Rule:  cal.Rule,
	}
	if cal.Appearance != nil {
		sum.Theta = append(sum.Theta, cal.Appearance.Theta)
	}
	scene := slices.DeleteFunc(slices.Clone(recordings), func(r eval.Recording) bool {
		k := kinds.Kind{Name: r.Kind.Name}
		return r.Kind.Group != string(kinds.Scene) && (r.Kind.Group != string(kinds.Quiet) || k.Disputed())
	})
	if of, err := eval.Evaluate(scene, o); err == nil { // else no such kinds were made
		sum.Scene = of.Live.MicroAUC
	}
	if s.Known != nil {
		recordings, err := labelled("known", s.Known, given, known, cal)
		if err != nil {
			return sum, err
		}
		all, err := eval.Evaluate(recordings, o)
		if err != nil {
			return sum, err
		}
		sum.Known = &all.Live
	}
	fmt.Printf("\n%s, %s, %s: threshold by the rule %s, AUC %s, no delay %s\n", p.name, s.Model, measure, cal.Rule,
		result.Live.MicroAUC, result.Live.NoDelayMicroAUC)
	if err := result.Kinds.Print(os.Stdout); err != nil {
		return sum, err
	}
	dir := filepath.Join(p.dir, "tables", s.Model)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sum, err
	}
	for name, v := range map[string]any{"-result": result, "-calibration": cal, "-summary": sum} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return sum, err
		}
		if err := os.WriteFile(filepath.Join(dir, measure+name+".json"), append(text, '\n'), 0o644); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// labelled joins the scores of a data set's videos with their labels.
func labelled(list string, scores []scored, given reports, d *eval.Dataset, cal *calibrate.Calibration) (
	out []eval.Recording, err error,
) {
	for i, v := range d.Test {
		if i >= len(scores) || v.Name != scores[i].Name || len(v.Abnormal) != scores[i].Frames {
			return nil, fmt.Errorf("the scores are of another set: %s", v.Name)
		}
		r := recording(&scores[i], cal)
		trust(&r, given[key(list, r.Name)])
		r.Abnormal, r.Kind = v.Abnormal, v.Kind
		out = append(out, r)
	}
	return out, nil
}

// recording returns a video's clips with the calibration's sensitivity maps applied.
func recording(v *scored, cal *calibrate.Calibration) eval.Recording {
	r := eval.Recording{Name: v.Name, Clips: slices.Clone(v.Clips), FPS: float64(*rate)}
	for i := range r.Clips {
		for j := range r.Clips[i].Readings {
			reading := &r.Clips[i].Readings[j]
			if m := cal.SensitivityFor(reading.Measure); m != nil && len(reading.Cells) > 0 {
				reading.Error = m.ClipError(reading.Cells)
			}
		}
	}
	return r
}

func printSums(out io.Writer, sums []summary) error {
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w,
		"place\tweights\tmeasure\trule\tkinds\tquiet\tfalse in the set\tfalse in unchanged video\ttampering"+
			"\tAUC\tno delay\tmacro\tscene\ttest: AUC\tno delay\tevents\tfalse")
	for _, s := range sums {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d of %d\t%d of %d\t%d in %.2f h\t%d in %.2f h\t%d of %d\t%s\t%s\t%s\t%s",
			s.Place,
			s.Weights, s.Measure, s.Rule, s.Found, s.Of, s.Quiet, s.QuietOf, s.False, float64(s.Hours), s.BaseFalse,
			s.BaseHours, s.Tampering, s.TamperingOf, s.Live, s.NoDelay, s.Macro, s.Scene)
		if k := s.Known; k != nil {
			fmt.Fprintf(w, "\t%s\t%s\t%d of %d\t%d", k.MicroAUC, k.NoDelayMicroAUC, k.Events.Found, k.Events.Truth,
				k.Events.False)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
