package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vigil/app"
	"vigil/capture"
	"vigil/internal/progress"
	"vigil/model/train"
	"vigil/pipeline"
	"vigil/preprocess"
	"vigil/video"
)

// read keeps the recordings in memory as the model sees them: one grey byte a pixel, cut where they have gaps.
func (t *training) read(ctx context.Context, total int) ([]train.Video, error) {
	bar := progress.New(t.stderr, "read", "frames", total)
	defer bar.Finish()
	var videos []train.Video
	var bad []error
	for i := range t.sources {
		more, err := t.readOne(ctx, i, bar)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		videos = append(videos, more...)
		if len(videos) > 0 {
			if err := train.CheckVideos(videos, t.spec.Side); err != nil {
				return nil, err
			}
		}
	}
	t.rates.print(t.stderr, "train")
	if len(videos) == 0 {
		return nil, fmt.Errorf("%w: %w", train.ErrTooLittle, errors.Join(bad...))
	}
	bar.Clear()
	for _, err := range bad {
		leaveOut(t.stderr, err)
	}
	return videos, nil
}

// readOne reads a recording through the window that scoring uses too, so that the model learns the frames it will see.
func (t *training) readOne(ctx context.Context, i int, bar *progress.Bar) (videos []train.Video, err error) {
	src, name := t.sources[i], t.names[i]
	o, err := app.OpenOptions(t.settings.Settings)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, src, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, note := range stream.Notes() {
			fmt.Fprintf(t.stderr, "%s: %s\n", src, note)
		}
		err = errors.Join(err, stream.Close())
	}()
	rate := stream.Info().FPS
	if want := t.settings.FPS; want > 0 && (rate == 0 || want < rate) {
		rate = want
	}
	side := t.spec.Side
	prepare := preprocess.NewPreparer(side, t.settings.Mask)
	defer func() { err = errors.Join(err, prepare.Close()) }()
	window := preprocess.NewWindow(preprocess.WindowConfig{
		Side: side, Hop: 1, FPS: t.settings.FPS,
		SourceFPS: stream.Info().FPS,
	})
	var frame video.Frame
	var cuboid video.Cuboid
	for {
		if err := stream.Read(ctx, &frame); errors.Is(err, io.EOF) {
			if err := window.Short(); err != nil {
				return nil, fmt.Errorf("%s: %w", src, err)
			}
			t.seen = append(t.seen, rate)
			t.rates.add(name, pipeline.RatesOf(t.settings.FPS, window))
			return videos, nil
		} else if err != nil {
			return nil, err
		}
		bar.Add()
		picture, err := prepare.Prepare(&frame)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", src, err)
		}
		if !window.Push(picture, &cuboid) {
			continue
		}
		// Each cuboid brings one frame more, but after a gap all of its frames are new.
		fresh := cuboid.X[(video.CuboidFrames-1)*side*side:]
		if len(videos) == 0 || cuboid.Gap {
			videos = append(videos, train.Video{Name: name, Width: cuboid.Width, Height: cuboid.Height, Side: side})
			fresh = cuboid.X
		}
		last := &videos[len(videos)-1]
		for _, v := range fresh {
			last.Gray = append(last.Gray, byte((v+1)*127.5+0.5))
		}
	}
}
