package batch

import (
	"context"

	"vigil/pipeline"
	"vigil/video"
)

// CountFrames calls onFrame after each frame that is read.
func CountFrames(s pipeline.Stream, onFrame func()) pipeline.Stream {
	return countedStream{s, onFrame, nil}
}

type countedStream struct {
	pipeline.Stream
	onFrame func()
	note    func(string) // called with each of the stream's notes; may be nil
}

func (s countedStream) Read(ctx context.Context, f *video.Frame) error {
	err := s.Stream.Read(ctx, f)
	if err == nil {
		s.onFrame()
	}
	return err
}

// Notes returns the stream's notes.
func (s countedStream) Notes() []string {
	n, ok := s.Stream.(interface{ Notes() []string })
	if !ok {
		return nil
	}
	notes := n.Notes()
	for _, text := range notes {
		if s.note == nil {
			break
		}
		s.note(text)
	}
	return notes
}

// countedPictures is a countedStream for a camera that a worker process reads.
type countedPictures struct {
	pipeline.PictureSource
	onFrame func()
}

func (p countedPictures) Next(ctx context.Context) (video.Picture, error) {
	pic, err := p.PictureSource.Next(ctx)
	if err == nil {
		p.onFrame()
	}
	return pic, err
}
