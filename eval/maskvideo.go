package eval

import (
	"context"
	"errors"
	"fmt"

	"vigil/capture"
	"vigil/capture/source"
	"vigil/video"
)

// maskVideo reads masks that are a video or a folder of pictures: white is abnormal.
type maskVideo struct {
	stream *capture.Stream
	frame  video.Frame
	next   uint64
}

func openMaskVideo(ctx context.Context, path string) (MaskReader, error) {
	address, err := source.ParseAddress(path)
	if err != nil {
		return nil, err
	}
	stream, err := capture.Open(ctx, address, capture.Options{})
	if err != nil {
		return nil, err
	}
	return &maskVideo{stream: stream}, nil
}

// Next implements MaskReader. A mask that went through a lossy video is grey at its edges, so the middle decides.
func (p *maskVideo) Next(ctx context.Context, m *Mask) error {
	if err := p.stream.Read(ctx, &p.frame); err != nil {
		return err
	}
	f := &p.frame
	if f.Seq != p.next {
		return fmt.Errorf("the mask of frame %d is missing", p.next)
	}
	p.next++
	if f.Channels < 1 || len(f.Pix) != f.Width*f.Height*f.Channels {
		return errors.New("a picture contradicts its own size")
	}
	m.resize(f.Width, f.Height)
	for i := range m.Abnormal {
		m.Abnormal[i] = f.Pix[i*f.Channels] >= 128
	}
	return nil
}

// Close closes the video.
func (p *maskVideo) Close() error { return p.stream.Close() }
