package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"vigil/geometry"
	"vigil/internal/errcode"
	"vigil/internal/progress"
	"vigil/pipeline"
	"vigil/pipeline/calibrate"
	"vigil/pipeline/detect"
)

// CalibrateOptions configure the scoring of normal video.
type CalibrateOptions struct {
	Threads int           // of the model; 0 for all
	LiveFor time.Duration // recording time of a live camera
	// Record has the camera, the model, its score, the mask and the hop of the calibration, and the options of Fit.
	Record calibrate.Calibration
}

// Calibrate scores the sources, which must show normal scenes, and fits the threshold. Progress and warnings go to w.
func (r *Recordings) Calibrate(ctx context.Context, o CalibrateOptions, w io.Writer) (calibrate.Calibration, error) {
	frames, err := r.KeepGood(ctx, w)
	if err != nil {
		return calibrate.Calibration{}, err
	}
	s := calibrator{Recordings: r, CalibrateOptions: o, w: w}
	s.bar = progress.New(w, "calibrate", "frames", frames)
	s.w = s.bar
	if err = s.learnBackground(ctx); err == nil {
		err = s.scoreAll(ctx)
	}
	s.bar.Finish()
	if err != nil {
		return calibrate.Calibration{}, err
	}
	r.Rates.Print(w, "calibrate")
	c := s.Record
	c.Key.Width, c.Key.Height, c.Key.FPS = s.normal.width, s.normal.height, s.normal.fps()
	c.Made, c.Excluded = time.Now().UTC().Truncate(time.Second), s.normal.left
	if c.Reference, err = s.view.Reference(); err != nil {
		fmt.Fprintf(w, "calibrate: whether the camera is covered or moved will not be checked: %v\n", err)
	}
	return calibrate.Fit(c, &s.normal.clips)
}

type calibrator struct {
	*Recordings
	CalibrateOptions
	w      io.Writer
	bar    *progress.Bar
	normal normalVideo // of all sources
	view   *calibrate.ViewLearner
}

// learnBackground learns the background of all sources for weights that know no place, and puts it into the record.
func (s *calibrator) learnBackground(ctx context.Context) error {
	var learner calibrate.BackgroundLearner
	var bad []error
	side := 0
	for _, rec := range s.All {
		cam, err := s.camera(rec, func() {})
		if err != nil {
			return err
		}
		if !cam.Model.NeedsBackground() {
			return nil
		}
		side = cam.Model.Spec().Side
		live := liveBackgroundTime(s.LiveFor)
		if cam.Live {
			fmt.Fprintf(s.w, "%s: learning the empty scene for %s\n", rec.Source, live)
		}
		if err := learnBackground(ctx, cam, &learner, live, pipeline.Options{Threads: s.Threads}); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", rec.Source, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b, err := learner.Background(side)
	if err != nil {
		return errors.Join(append(bad, err)...)
	}
	s.Record.Background = b
	return nil
}

// scoredTime is how long a live camera is scored.
func (s *calibrator) scoredTime(cam *pipeline.Camera) time.Duration {
	if cam.Model.NeedsBackground() {
		return s.LiveFor - liveBackgroundTime(s.LiveFor)
	}
	return s.LiveFor
}

// scoreAll scores all sources. One that cannot be read to its end is left out with a warning; it is an error if all
// are.
func (s *calibrator) scoreAll(ctx context.Context) error {
	var bad []error
	for _, rec := range s.All {
		one, err, fatal := s.score(ctx, rec)
		if len(s.notes) > 0 {
			s.printNotes(s.w)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fatal != nil:
			return fatal
		case err != nil:
			bad = append(bad, fmt.Errorf("%s: %w", rec.Source, err))
			continue
		}
		if rec.Source.Live() {
			if warning := one.span.warning(); warning != "" {
				fmt.Fprintf(s.w, "warning: %s: %s\n", rec.Source, warning)
			}
		}
		s.normal.append(one)
	}
	if len(bad) == len(s.All) {
		return errors.Join(bad...)
	}
	WarnLeftOut(s.w, bad)
	return nil
}

// score scores one source. err is an error of this source alone; fatal is one of all: they cannot be scored, or belong
// to different cameras.
func (s *calibrator) score(ctx context.Context, rec Recording) (one *normalVideo, err, fatal error) {
	cam, err := s.camera(rec, s.bar.Add)
	if err != nil {
		return nil, nil, err
	}
	// Partial clips are few, and would not be comparable.
	cam.PartialClips = false
	if side := cam.Model.Spec().Side; s.view == nil {
		s.view = calibrate.NewViewLearner(side, geometry.IgnoreMask(cam.Mask, side))
	}
	s.view.NewRecording()
	cam.OnPicture = s.view.Add
	cam.Background = s.Record.Background.Scaled()
	var log *slog.Logger // nil for a recording, whose errors are reported at its end
	watch := ctx
	if cam.Live {
		log = slog.New(errcode.Handler(slog.NewTextHandler(s.w, &slog.HandlerOptions{Level: slog.LevelWarn})))
		limited, cancel := context.WithTimeout(ctx, s.scoredTime(&cam))
		defer cancel()
		watch = limited
	}
	watch, cancel := context.WithCancel(watch)
	defer cancel()
	one = &normalVideo{}
	stats, err := pipeline.Run(watch, []pipeline.Camera{cam}, pipeline.Options{
		Threads: s.Threads, Log: log,
		OnClip: func(clip detect.Clip) {
			if cam.Live && one.isOther(clip) {
				one.left.Sizes++
				return
			}
			if fatal == nil {
				fatal = errors.Join(s.normal.fits(rec.Source, clip, cam.Live), one.fits(rec.Source, clip, cam.Live))
			}
			if fatal != nil {
				cancel()
				return
			}
			one.add(clip)
		},
	})
	if err == nil && fatal == nil {
		s.Rates.add(rec.Name, stats[0].Rates)
		if cam.Live {
			one.pace(stats[0].Rates.Seen)
		}
		if n := stats[0].Unscorable; n > 0 {
			fmt.Fprintf(s.w, "%s: %d clips could not be scored, %d were\n", rec.Name, n, stats[0].Scored)
		}
	}
	return one, err, fatal
}
