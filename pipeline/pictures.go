package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/capture"
	"vigil/video"
)

// PictureSource is an opened source whose frames come ready for the model: another process decoded and prepared them.
type PictureSource interface {
	Info() video.Info
	// Next gives the next picture, valid until the next call; io.EOF at the end of a recording.
	Next(ctx context.Context) (video.Picture, error)
	Close() error
}

// OpenRequest says how a source is to be opened.
type OpenRequest struct {
	FirstSeq uint64 // of its first picture
	Number   int    // how often it was opened, this time included
	// FPSHint is the rate that the source had when it was last open; 0 where it was not, or said none.
	FPSHint float64
	// OnStall is called, in the goroutine of Next, when no picture came for so long that the source seems to hang.
	OnStall func(time.Duration)
	// Note is called, in the goroutine of Next, with what the source has to say beside its pictures.
	Note func(string)
}

// localSource is a source that is read and prepared in this process.
type localSource struct {
	stream  Stream
	prep    Preparer
	frame   video.Frame
	note    func(string)
	footage *MediaBuffer         // nil for none
	shutter *capture.Snapshotter // nil for none
}

func openInProcess(ctx context.Context, c *Camera, o OpenRequest) (*localSource, error) {
	stream, err := c.Open(ctx, o.FirstSeq, o.Number)
	if err != nil {
		return nil, err
	}
	prep, err := c.NewPreparer()
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	p := &localSource{stream: stream, prep: prep, note: o.Note, footage: c.Media}
	if p.footage != nil {
		p.shutter = capture.NewSnapshotter()
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
	if p.footage == nil {
		return pic, nil
	}
	small, full, err := p.shutter.Snapshot(f, nil)
	if err != nil {
		return pic, err
	}
	keep := func(to *video.Ring, jpeg []byte) {
		if jpeg != nil {
			to.Add(video.Preview{Seq: f.Seq, PTS: f.PTS, Arrival: f.Arrival, JPEG: jpeg})
		}
	}
	keep(&p.footage.previews, small)
	keep(&p.footage.full, full)
	return pic, nil
}

// passNotes hands on what the source has to say.
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
	if p.shutter != nil {
		err = errors.Join(err, p.shutter.Close())
	}
	return err
}
