package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"vigil/internal/cameratest"
	"vigil/pipeline/detect"
	"vigil/video"
)

// stillSource delivers one picture so many times, ten a second of stream time, without allocating anything.
type stillSource struct {
	picture video.Picture
	left    int
}

func (s *stillSource) Info() video.Info { return video.Info{Width: 32, Height: 24, FPS: 10} }

func (s *stillSource) Next(context.Context) (video.Picture, error) {
	if s.left == 0 {
		return video.Picture{}, io.EOF
	}
	s.left--
	p := s.picture
	s.picture.Seq++
	s.picture.PTS += 100 * time.Millisecond
	s.picture.Arrival = s.picture.Arrival.Add(100 * time.Millisecond)
	return p, nil
}

func (s *stillSource) Close() error { return nil }

// stillCamera is a recording of so many equal pictures.
func stillCamera(tb testing.TB, name string, pictures int) Camera {
	tb.Helper()
	m := cameratest.ZeroModel(tb, 0)
	side := m.Spec().Side
	return Camera{
		Name: name, Model: m, Lossless: true, Hop: 1, Threshold: Threshold{Lo: 0.01, Theta: 0.1},
		Detector: detect.DefaultConfig(), Armed: func(time.Time) bool { return true },
		Pictures: func(context.Context, OpenRequest) (PictureSource, error) {
			return &stillSource{left: pictures, picture: video.Picture{
				Arrival: time.Now(), Generation: 1, Width: 32, Height: 24, Side: side,
				Gray: bytes.Repeat([]byte{calmGrey}, side*side),
			}}, nil
		},
	}
}

// BenchmarkClips takes cameras through the whole pipeline; an operation is a clip of each.
func BenchmarkClips(b *testing.B) {
	for _, cameras := range []int{1, 8} {
		b.Run(fmt.Sprintf("cameras=%d", cameras), func(b *testing.B) {
			var all []Camera
			for i := range cameras {
				all = append(all, stillCamera(b, fmt.Sprintf("c%d", i), b.N+video.CuboidFrames-1))
			}
			for i := range all {
				all[i].Model = all[0].Model
			}
			b.ReportAllocs()
			b.ResetTimer()
			stats, err := Run(b.Context(), all, Options{Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range stats {
				if s.Scored != uint64(b.N) {
					b.Fatalf("%+v", s)
				}
			}
		})
	}
}
