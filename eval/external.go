package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"vigil/model"
	"vigil/pipeline/calibrate"
)

// Truth is where the labels of scores are: in a folder or, where that is "", in a data set.
type Truth struct {
	Labels       string // folder, as ReadLabels reads it
	Root, Format string // of a data set, as OpenLabels reads it
}

// EvaluateScores measures the scores in a file or folder, as ReadScores reads them, with the threshold of a calibration
// file, "" for none. It fills in what the options say of the scores.
func EvaluateScores(ctx context.Context, scores string, of Truth, calibration string, o *Options) (
	*Result, []Recording, error,
) {
	given, err := ReadScores(scores)
	if err != nil {
		return nil, nil, err
	}
	var truth *Dataset
	if of.Labels != "" {
		truth, err = ReadLabels(of.Labels)
	} else {
		truth, err = OpenLabels(ctx, of.Root, of.Format, given)
	}
	if err != nil {
		return nil, nil, err
	}
	recordings, err := given.Match(truth)
	if err != nil {
		return nil, nil, err
	}
	o.External, o.DelayUnknown, o.Step, o.Hop = true, given.DelayUnknown, given.Step, given.Step
	if calibration != "" {
		cal, err := calibrate.Read(calibration)
		if err != nil {
			return nil, nil, err
		}
		o.Thresholds = Thresholds{"": {Lo: cal.Lo, Theta: cal.Theta, Calibration: &cal}}
	}
	result, err := Evaluate(recordings, *o)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", scores, err)
	}
	result.Dataset, result.Format = filepath.Clean(truth.Root), truth.Format
	result.Notes = slices.Concat(truth.Notes, result.Notes)
	return result, recordings, nil
}

// Evaluate measures the scored videos of a data set. The first note of the result is the given one.
func (s *Scorer) Evaluate(d *Dataset, m *model.Model, note string, o Options) (*Result, error) {
	result, err := Evaluate(s.Recordings, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Root, err)
	}
	result.AddPixels(&s.Pixels, len(d.Test))
	result.Dataset, result.Format = filepath.Clean(d.Root), d.Format
	result.Model, result.Hash, result.Score = m.Name(), m.Hash(), m.Spec().Score
	result.Notes = slices.Concat([]string{note}, d.Notes, result.Notes)
	return result, nil
}
