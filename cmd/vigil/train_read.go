package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"vigil/capture"
	"vigil/model/train"
	"vigil/preprocess"
)

// read keeps the recordings in memory as the model sees them: one grey byte a pixel, cut where they have gaps.
func (t *training) read(ctx context.Context, total int) ([]train.Video, error) {
	bar := newProgress(t.stderr, "read", "frames", total)
	defer bar.finish()
	var videos []train.Video
	for _, source := range t.sources {
		more, err := t.readOne(ctx, source, bar)
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			fmt.Fprintf(t.stderr, "%s: shorter than a clip of %d frames, left out\n", source, preprocess.Frames)
		}
		videos = append(videos, more...)
		if len(videos) > 0 {
			if err := train.Check(videos, t.spec.Side); err != nil {
				return nil, err
			}
		}
	}
	return videos, nil
}

// readOne reads a recording through the window that scoring uses too, so that the model learns the frames it will see.
func (t *training) readOne(ctx context.Context, source capture.Address, bar *progress) (videos []train.Video, err error) {
	o, err := openOptions(t.settings.Settings)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, source, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, note := range stream.Notes() {
			fmt.Fprintf(t.stderr, "%s: %s\n", source, note)
		}
		err = errors.Join(err, stream.Close())
	}()
	rate := stream.Info().FPS
	if want := t.settings.FPS; want > 0 && (rate == 0 || want < rate) {
		rate = want
	}
	t.rates = append(t.rates, rate)
	side := t.spec.Side
	prepare := preprocess.NewPreparer(side, t.settings.Mask)
	defer func() { err = errors.Join(err, prepare.Close()) }()
	window := preprocess.NewWindow(preprocess.WindowConfig{Side: side, Hop: 1, FPS: t.settings.FPS, SourceFPS: stream.Info().FPS})
	name := filepath.Base(source.String())
	var frame capture.Frame
	var cuboid preprocess.Cuboid
	for {
		if err := stream.Read(ctx, &frame); errors.Is(err, io.EOF) {
			return videos, nil
		} else if err != nil {
			return nil, err
		}
		bar.add()
		picture, err := prepare.Prepare(&frame)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if !window.Push(picture, &cuboid) {
			continue
		}
		// Each cuboid brings one frame more, but after a gap all of its frames are new.
		fresh := cuboid.X[(preprocess.Frames-1)*side*side:]
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
