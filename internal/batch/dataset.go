package batch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/capture"
	"vigil/eval"
	"vigil/internal/progress"
	"vigil/pipeline"
)

// ScoreDataset runs the test videos of a data set, which the recordings are, through the pipeline at hop 1; the clips
// of a larger hop are among these. An unreadable video is an error, because the result would be that of another data
// set.
func (r *Recordings) ScoreDataset(ctx context.Context, data *eval.Dataset, thresholds eval.Thresholds,
	scorer *eval.Scorer, w io.Writer,
) error {
	frames, bad, err := r.Probe(ctx)
	if err := errors.Join(append(bad, err)...); err != nil {
		return err
	}
	bar := progress.New(w, "eval", "frames", frames)
	defer bar.Finish()
	for i, v := range data.Test {
		cam, err := r.camera(r.All[i], bar.Add)
		if err != nil {
			return err
		}
		cal := thresholds[v.Camera].Calibration
		cam.Sensitivity = cal
		// A folder of frames has no rate of its own; the data set has one.
		cam.Open = func(ctx context.Context, firstSeq uint64, generation int) (pipeline.Stream, error) {
			stream, err := capture.Open(ctx, r.All[i].Source, capture.Options{
				FirstSeq: firstSeq, Generation: generation, FolderFPS: data.FPS,
			})
			if err != nil {
				return nil, err
			}
			return CountFrames(stream, bar.Add), nil
		}
		if err := ownBackground(ctx, &cam, scorer.Threads); err != nil {
			return err
		}
		if err := scorer.Score(ctx, v, cam); err != nil {
			return err
		}
		if cal != nil {
			want := cal.Key
			want.Width, want.Height, want.FPS = scorer.Size[0], scorer.Size[1], scorer.Recordings[i].FPS
			if err := cal.Check(want); err != nil {
				return fmt.Errorf("%s: %w", v.Path, err)
			}
		}
	}
	return nil
}
