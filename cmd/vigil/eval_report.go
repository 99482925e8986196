package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/eval"
	"vigil/internal/output"
	"vigil/video"
)

// worst is how many misses and how many false alarms a report shows.
const worst = 6

// reportPage is a report's page.
const reportPage = "index.html"

func reportPath(dir string) string { return filepath.Join(dir, reportPage) }

// writeReport writes the page, its pictures, and the scores at hop 1.
func (e *evaluation) writeReport(ctx context.Context, r *eval.Result, scorer *eval.Scorer, o eval.Options) error {
	report, err := eval.NewReport(r, scorer.Recordings, o.Thresholds)
	if err != nil {
		return err
	}
	if e.scores == "" {
		report.HasExamples = true
		misses, alarms := scorer.Examples.Worst(worst, o.Thresholds)
		if report.Misses, err = drawSights(ctx, "miss", misses); err != nil {
			return err
		}
		if report.Alarms, err = drawSights(ctx, "false-alarm", alarms); err != nil {
			return err
		}
	}
	folder, err := output.OpenFolder(e.report)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, p := range report.Pictures() {
		if err := folder.Write(p.Name+".png", p.PNG); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if e.scores == "" {
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

// writeScores writes every clip as 'vigil replay --hop 1 --scores' does.
func writeScores(path string, recordings []eval.Recording) error {
	scores, err := newTable(path, "video", "frame", "error", "regularity")
	if err != nil {
		return err
	}
	defer scores.discard()
	for _, r := range recordings {
		var rows []scoredFrame
		for _, c := range eval.FullClips(r.Clips) {
			rows = append(rows, scoredFrame{c.Centre.Frame, c.Error, math.NaN()})
		}
		scoreRows(scores, r.Name, rows)
	}
	return scores.commit()
}

// drawSights reads each sight's video once more, as far as its frame.
func drawSights(ctx context.Context, name string, sights []eval.Example) ([]eval.Picture, error) {
	var out []eval.Picture
	for i, s := range sights {
		frame, err := frameOf(ctx, s.Path, s.Frame)
		if err != nil {
			return nil, err
		}
		png, err := s.Draw(frame)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", s.Path, err)
		}
		out = append(out, eval.Picture{
			Name: fmt.Sprintf("%s-%d", name, i+1), PNG: png, Caption: fmt.Sprintf("%s, frame %d, error %.4g", s.Video,
				s.Frame, s.Error),
		})
	}
	return out, nil
}

func frameOf(ctx context.Context, path string, n int) (f *video.Frame, err error) {
	src, err := source.ParseAddress(path)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, src, capture.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	f = new(video.Frame)
	for range n + 1 {
		if err := stream.Read(ctx, f); err != nil {
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s: ends before frame %d, which it had before", path, n)
			}
			return nil, err
		}
	}
	f.Pix = slices.Clone(f.Pix)
	return f, nil
}
