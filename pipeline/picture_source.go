package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/capture"
	"vigil/video"
)

// PictureSource is an opened source whose frames are already prepared for the model, by another process or by this one.
type PictureSource interface {
	Info() video.Info
	// Next returns the next picture, valid until the next call; io.EOF at the end of a recording.
	Next(ctx context.Context) (video.Picture, error)
	Close() error
}

// DecodeErrorCounter is implemented by a PictureSource, or by a Stream, that knows what it could not decode since it
// was opened. It belongs to the goroutine that reads.
type DecodeErrorCounter interface {
	DecodeErrors() video.DecodeErrors
}

// OpenRequest has the parameters for opening a source.
type OpenRequest struct {
	FirstSeq   uint64 // of the first picture
	Generation int    // of the opening, from 1
	// FPSHint is the source's rate at its last opening; 0 if unknown.
	FPSHint float64
	// OnStall is called in the goroutine of Next if no picture has arrived for so long that the source seems to hang.
	OnStall func(time.Duration)
	// Note is called in the goroutine of Next with notes of the source.
	Note func(string)
}

// localSource is a source that is read and prepared in this process.
type localSource struct {
	stream      Stream
	errors      DecodeErrorCounter // the stream; nil if it does not know
	prep        Preparer
	frame       video.Frame
	note        func(string)
	media       *MediaBuffer         // nil for none
	snapshotter *capture.Snapshotter // nil for none
}

func openInProcess(ctx context.Context, c *Camera, o OpenRequest) (*localSource, error) {
	stream, err := c.Open(ctx, o.FirstSeq, o.Generation)
	if err != nil {
		return nil, err
	}
	prep, err := c.NewPreparer()
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	p := &localSource{stream: stream, prep: prep, note: o.Note, media: c.Media}
	p.errors, _ = stream.(DecodeErrorCounter)
	if p.media != nil {
		p.snapshotter = capture.NewSnapshotter()
	}
	return p, nil
}

func (p *localSource) Info() video.Info { return p.stream.Info() }

func (p *localSource) Next(ctx context.Context) (video.Picture, error) {
	f := &p.frame
	err := p.stream.Read(ctx, f)
	p.passNotes()
	if err != nil {
		return video.Picture{}, err
	}
	pic, err := p.prep.Prepare(f)
	if err != nil {
		return pic, fmt.Errorf("frame %d: %w", f.Seq, err)
	}
	if p.media == nil {
		return pic, nil
	}
	small, full, err := p.snapshotter.Snapshot(f, nil)
	if err != nil {
		return pic, err
	}
	keep := func(to *video.Ring, jpeg []byte) {
		if jpeg != nil {
			to.Add(video.Preview{Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, JPEG: jpeg})
		}
	}
	keep(&p.media.previews, small)
	keep(&p.media.full, full)
	return pic, nil
}

// DecodeErrors returns those of the stream.
func (p *localSource) DecodeErrors() video.DecodeErrors {
	if p.errors == nil {
		return video.DecodeErrors{}
	}
	return p.errors.DecodeErrors()
}

// passNotes passes on the source's notes.
func (p *localSource) passNotes() {
	s, ok := p.stream.(interface{ Notes() []string })
	if !ok || p.note == nil {
		return
	}
	for _, text := range s.Notes() {
		p.note(text)
	}
}

func (p *localSource) Close() error {
	err := errors.Join(p.stream.Close(), p.prep.Close())
	if p.snapshotter != nil {
		err = errors.Join(err, p.snapshotter.Close())
	}
	return err
}
