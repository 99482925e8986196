package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"vigil/capture"
	"vigil/geometry"
	"vigil/internal/progress"
	"vigil/model/train"
	"vigil/pipeline"
	"vigil/preprocess"
	"vigil/video"
)

// VideoOptions configure the model's input from a stream.
type VideoOptions struct {
	Name    string             // of the video
	Source  string             // in errors
	Side    int                // S of the model's pictures [S][S]
	FPS     float64            // frames per second; 0 for every frame
	Mask    []geometry.Polygon // blacked out
	OnFrame func()             // after each frame
}

// Stream is an open source of frames.
type Stream interface {
	video.Reader
	Info() video.Info
}

// ReadVideo reads a stream into memory as the model's input: one grey byte a pixel, split at gaps. It reads through the
// window that scoring uses, so that training uses the frames that will be scored.
func ReadVideo(ctx context.Context, stream Stream, o VideoOptions) (videos []train.Video, rates pipeline.Rates,
	err error,
) {
	prepare := preprocess.NewPreparer(o.Side, o.Mask)
	defer func() { err = errors.Join(err, prepare.Close()) }()
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: o.Side, Hop: 1, FPS: o.FPS, SourceFPS: stream.Info().FPS,
	})
	var cuboid video.Cuboid
	for frame, err := range video.Frames(ctx, stream) {
		if err != nil {
			return nil, rates, err
		}
		o.OnFrame()
		picture, err := prepare.Prepare(frame)
		if err != nil {
			return nil, rates, fmt.Errorf("%s: %w", o.Source, err)
		}
		if !window.Push(picture, &cuboid) {
			continue
		}
		// Each cuboid has one new frame, but after a gap all of its frames are new.
		fresh := cuboid.X[(video.CuboidFrames-1)*o.Side*o.Side:]
		if len(videos) == 0 || cuboid.Gap {
			videos = append(videos,
				train.Video{Name: o.Name, Width: cuboid.Width, Height: cuboid.Height, Side: o.Side})
			fresh = cuboid.X
		}
		last := &videos[len(videos)-1]
		for _, v := range fresh {
			last.Gray = append(last.Gray, byte((v+1)*127.5+0.5))
		}
	}
	if err := window.NoCuboidError(); err != nil {
		return nil, rates, fmt.Errorf("%s: %w", o.Source, err)
	}
	return videos, pipeline.RatesOf(o.FPS, window), nil
}

// TrainingSet is the training data of recordings.
type TrainingSet struct {
	Videos []train.Video
	FPS    []float64 // frames per second that the model sees of each source; 0 if unknown
	Asked  float64   // frames per second that it was to see; 0 for every frame
}

// ReadTrainingSet reads the recordings, of so many frames if not 0. One that cannot be read is excluded with a warning
// to w, which shows progress too.
func (r *Recordings) ReadTrainingSet(ctx context.Context, frames int, o VideoOptions, w io.Writer) (TrainingSet,
	error,
) {
	bar := progress.New(w, "read", "frames", frames)
	defer bar.Finish()
	o.OnFrame = bar.Add
	set := TrainingSet{Asked: o.FPS}
	var bad []error
	for _, one := range r.All {
		more, err := r.readOne(ctx, one, o, bar)
		if ctx.Err() != nil {
			return set, ctx.Err()
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		set.Videos = append(set.Videos, more.Videos...)
		set.FPS = append(set.FPS, more.FPS...)
		if len(set.Videos) > 0 {
			if err := train.CheckVideos(set.Videos, o.Side); err != nil {
				return set, err
			}
		}
	}
	r.Rates.Print(bar, "train")
	if len(set.Videos) == 0 {
		return set, fmt.Errorf("%w: %w", train.ErrTooLittle, errors.Join(bad...))
	}
	WarnLeftOut(bar, bad)
	return set, nil
}

func (r *Recordings) readOne(ctx context.Context, one Recording, o VideoOptions, w io.Writer) (set TrainingSet,
	err error,
) {
	open, err := r.Options()
	if err != nil {
		return set, err
	}
	stream, err := capture.Open(ctx, one.Source, open)
	if err != nil {
		return set, err
	}
	defer func() {
		for _, note := range stream.Notes() {
			fmt.Fprintf(w, "%s: %s\n", one.Source, note)
		}
		err = errors.Join(err, stream.Close())
	}()
	rate := stream.Info().FPS
	if o.FPS > 0 && (rate == 0 || o.FPS < rate) {
		rate = o.FPS
	}
	o.Name, o.Source = one.Name, one.Source.String()
	videos, rates, err := ReadVideo(ctx, stream, o)
	if err != nil {
		return set, err
	}
	r.Rates.add(one.Name, rates)
	return TrainingSet{Videos: videos, FPS: []float64{rate}}, nil
}

// Notes returns the training notes of weights in addition to those of the run itself: the day, without the time so that
// one seed gives identical files on one day, and the frame rate: that of all sources, or,
// where they differ, the highest that it can be.
func (s TrainingSet) Notes() map[string]string {
	notes := map[string]string{train.NoteTrained: time.Now().UTC().Format(time.DateOnly)}
	low, high := slices.Min(s.FPS), slices.Max(s.FPS)
	switch {
	case low > 0 && high-low < 0.01*high:
		notes[train.NoteFPS] = strconv.FormatFloat(s.FPS[0], 'g', 6, 64)
	case s.Asked > 0:
		notes[train.NoteFPS] = strconv.FormatFloat(s.Asked, 'g', 6, 64)
	}
	return notes
}
