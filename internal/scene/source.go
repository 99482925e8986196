package scene

import (
	"context"
	"io"
	"os"
	"time"

	"vigil/video"
)

// Source is a street as a stream of captured frames. It must be read by one goroutine.
type Source struct {
	Street *Street
	// Frames is the length of the stream; 0 is unlimited.
	Frames int
	// Realtime delivers each frame when it is due, like a live stream; otherwise frames are delivered as fast as they
	// are drawn. A late reader receives the frames that it missed, as from a camera's buffer.
	Realtime bool

	started time.Time
	count   int
	closed  bool
}

// Info describes the stream.
func (s *Source) Info() video.Info {
	w, h := s.Street.Size()
	return video.Info{Width: w, Height: h, FPS: s.Street.FPS(), Frames: s.Frames, Live: s.Realtime}
}

// Read fills f with the next frame in BGR, reusing f.Pix; f.Seq is the frame's number for Street.Truth. It returns
// io.EOF after the last frame, the context's error if that is cancelled first, and os.ErrClosed after Close.
func (s *Source) Read(ctx context.Context, f *video.Frame) error {
	switch {
	case s.closed:
		return os.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case s.Frames > 0 && s.count >= s.Frames:
		return io.EOF
	}
	if s.count == 0 {
		s.started = time.Now()
	}
	pts := time.Duration(float64(s.count) / s.Street.FPS() * float64(time.Second))
	if s.Realtime {
		if err := wait(ctx, time.Until(s.started.Add(pts))); err != nil {
			return err
		}
	}
	w, h := s.Street.Size()
	*f = video.Frame{
		Seq: uint64(s.count), PTS: pts, Generation: 1, Width: w, Height: h, Channels: 3,
		Pix: s.Street.Frame(s.count, f.Pix),
	}
	f.Arrival = time.Now()
	s.count++
	return nil
}

// Close ends the stream.
func (s *Source) Close() error {
	s.closed = true
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
