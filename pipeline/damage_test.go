package pipeline

import (
	"context"
	"errors"
	"io"
	"testing"

	"vigil/video"
)

// damagedSource skips numbers of frames, some of which were damaged.
type damagedSource struct {
	stillSource
	skips  map[int]uint64             // before the picture of which so many are left
	errors map[int]video.DecodeErrors // likewise, so far
	now    video.DecodeErrors
	err    error
}

func (s *damagedSource) Next(ctx context.Context) (video.Picture, error) {
	if e, ok := s.errors[s.left]; ok {
		s.now = e
	}
	s.picture.Seq += s.skips[s.left]
	pic, err := s.stillSource.Next(ctx)
	if errors.Is(err, io.EOF) && s.err != nil {
		err = s.err
	}
	return pic, err
}

func (s *damagedSource) DecodeErrors() video.DecodeErrors { return s.now }

// TestDecodeErrors checks that damaged frames are not counted as missing, and that errors count which come with no
// picture.
func TestDecodeErrors(t *testing.T) {
	broken := errors.New("broken")
	cam := stillCamera(t, "a", 0)
	open := cam.Pictures
	cam.Pictures = func(ctx context.Context, o OpenRequest) (PictureSource, error) {
		s, err := open(ctx, o)
		if err != nil {
			return nil, err
		}
		still := *s.(*stillSource)
		still.left = 40
		return &damagedSource{
			stillSource: still, err: broken, skips: map[int]uint64{30: 5, 20: 2},
			errors: map[int]video.DecodeErrors{
				35: {Packets: 1}, 30: {Frames: 3, Packets: 1}, 20: {Frames: 5, Packets: 2}, 0: {Frames: 9, Packets: 2},
			},
		}, nil
	}
	stats, err := Run(t.Context(), []Camera{cam}, Options{Threads: 1})
	if !errors.Is(err, broken) {
		t.Errorf("ends with %v", err)
	}
	if s := stats[0]; s.Frames != 40 || s.DecodeErrors != 11 || s.Missing != 2 {
		t.Errorf("%d frames, %d decode errors, %d missing; want 40, 11 and 2", s.Frames, s.DecodeErrors, s.Missing)
	}
}
