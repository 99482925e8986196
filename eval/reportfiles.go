package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/internal/output"
	"vigil/video"
)

// worstExamples is how many misses and how many false alarms a report shows.
const worstExamples = 6

// reportPage is the file name of a report's page.
const reportPage = "index.html"

// ReportPath is the path of the page in a report's folder.
func ReportPath(dir string) string { return filepath.Join(dir, reportPage) }

// WriteReport writes the page of a result into a folder, with its pictures. Unless the scores were read from files, it
// shows examples, for which the videos are read again, and adds a table of the scores at hop 1.
func WriteReport(ctx context.Context, dir string, r *Result, scorer *Scorer, o Options) error {
	report, err := NewReport(r, scorer.Recordings, o.Thresholds)
	if err != nil {
		return err
	}
	if !o.External {
		report.HasExamples = true
		misses, alarms := scorer.Examples.Worst(worstExamples, o.Thresholds)
		if report.Misses, err = drawExamples(ctx, "miss", misses); err != nil {
			return err
		}
		if report.Alarms, err = drawExamples(ctx, "false-alarm", alarms); err != nil {
			return err
		}
	}
	folder, err := output.OpenFolder(dir)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, p := range report.Pictures() {
		if err := folder.Write(p.Name+".png", p.PNG); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if !o.External {
		path, err := folder.Path("scores.csv")
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		if err := writeScores(path, scorer.Recordings); err != nil {
			return err
		}
	}
	var page bytes.Buffer
	if err := report.Write(&page); err != nil {
		return err
	}
	if err := folder.Write(reportPage, page.Bytes()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeScores writes every full clip, like 'vigil replay --hop 1 --scores'.
func writeScores(path string, recordings []Recording) error {
	scores, err := CreateScores(path)
	if err != nil {
		return err
	}
	defer scores.Discard()
	for _, r := range recordings {
		var rows []ScoredFrame
		for _, c := range FullClips(r.Clips) {
			row := RowOf(c)
			row.Regularity = math.NaN()
			rows = append(rows, row)
		}
		scores.AddScores(r.Name, rows)
	}
	return scores.Commit()
}

// drawExamples reads each example's video again, up to its frame.
func drawExamples(ctx context.Context, name string, examples []Example) ([]Picture, error) {
	var out []Picture
	for i, s := range examples {
		frame, err := readFrame(ctx, s.Path, s.Frame)
		if err != nil {
			return nil, err
		}
		png, err := s.Draw(frame)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", s.Path, err)
		}
		out = append(out, Picture{
			Name: fmt.Sprintf("%s-%d", name, i+1), PNG: png, Caption: fmt.Sprintf("%s, frame %d, error %.4g", s.Video,
				s.Frame, s.Error),
		})
	}
	return out, nil
}

// readFrame reads frame n of a video.
func readFrame(ctx context.Context, path string, n int) (frame *video.Frame, err error) {
	src, err := source.ParseAddress(path)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, src, capture.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	at := 0
	for f, err := range video.Frames(ctx, stream) {
		if err != nil {
			return nil, err
		}
		if at == n {
			found := *f
			found.Pix = slices.Clone(f.Pix)
			return &found, nil
		}
		at++
	}
	return nil, fmt.Errorf("%s: ends before frame %d, which it had before", path, n)
}
