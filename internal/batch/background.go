package batch

import (
	"context"
	"time"

	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/video"
)

// learnBackground adds a recording's pictures, or those of a live camera's first part, to the learner. It is a pass of
// its own over the source: a clip's score needs the background. cam has a model that knows no place.
func learnBackground(ctx context.Context, cam pipeline.Camera, learner *calibrate.BackgroundLearner, live time.Duration,
	opts pipeline.Options,
) error {
	side := cam.Model.Spec().Side
	// The pipeline scores a clip now and then; the scores are not used.
	cam.Hop, cam.PartialClips, cam.Threshold = pipeline.MaxHop, false, pipeline.Threshold{}
	cam.Background = make([]float32, side*side)
	cam.OnPicture = func(p *video.Picture, _ time.Duration, _ bool) { learner.Add(p.Gray) }
	if cam.Live {
		limited, cancel := context.WithTimeout(ctx, live)
		defer cancel()
		ctx = limited
	}
	opts.OnClip, opts.OnAlert, opts.Publisher = nil, nil, nil
	_, err := pipeline.Run(ctx, []pipeline.Camera{cam}, opts)
	return err
}

// ownBackground gives a recording's camera the background of the recording itself, if its model knows no place and no
// calibration shows it.
func ownBackground(ctx context.Context, cam *pipeline.Camera, threads int) error {
	if cam.Live || !cam.LacksBackground() {
		return nil
	}
	var learner calibrate.BackgroundLearner
	if err := learnBackground(ctx, *cam, &learner, 0, pipeline.Options{Threads: threads}); err != nil {
		return err
	}
	b, err := learner.Background(cam.Model.Spec().Side)
	cam.Background = b.Scaled()
	return err
}

// How long a live camera is watched for its background: a tenth of the time, within these bounds.
const (
	backgroundShare                  = 10
	minBackgroundTime, maxBackground = 20 * time.Second, 10 * time.Minute
)

func liveBackgroundTime(whole time.Duration) time.Duration {
	return min(max(whole/backgroundShare, min(minBackgroundTime, whole/2)), maxBackground)
}
