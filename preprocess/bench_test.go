//go:build cgo && gocv_videoio

package preprocess

import (
	"errors"
	"io"
	"testing"

	"vigil/geometry"
	"vigil/internal/testenv"
	"vigil/video"
)

// BenchmarkDecodeAndPrepare measures everything before the model, including a cuboid every 8 frames.
func BenchmarkDecodeAndPrepare(b *testing.B) {
	for _, name := range []string{"ped2/test/01.mkv", "avenue_normal/11.mkv", "demo/vtest.avi"} {
		b.Run(name, func(b *testing.B) {
			path := testenv.Data(b, name)
			p := NewPreparer(256, nil)
			defer func() { _ = p.Close() }()
			var f video.Frame
			var c video.Cuboid
			frames := 0
			for b.Loop() {
				s := open(b, path)
				w := NewWindow(WindowConfig{Side: 256, Hop: 8, SourceFPS: s.Info().FPS})
				for {
					err := s.Read(b.Context(), &f)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					pic, err := p.Prepare(&f)
					if err != nil {
						b.Fatal(err)
					}
					w.Push(pic, &c)
					frames++
				}
				_ = s.Close()
			}
			b.ReportMetric(float64(frames)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	for _, size := range []struct {
		name string
		w, h int
	}{{"360x240", 360, 240}, {"640x360", 640, 360}, {"1920x1080", 1920, 1080}} {
		b.Run(size.name, func(b *testing.B) {
			p := NewPreparer(256, []geometry.Polygon{geometry.Rect(0.2, 0.2, 0.5, 0.5)})
			defer func() { _ = p.Close() }()
			f := frame(size.w, size.h, 3, func(x, y, c int) byte { return byte(x*y + c) })
			for b.Loop() {
				if _, err := p.Prepare(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPush(b *testing.B) {
	w := NewWindow(WindowConfig{Side: 256, Hop: 1, SourceFPS: 10, Live: true})
	p := video.Picture{Side: 256, Gray: make([]byte, 256*256)}
	var c video.Cuboid
	for b.Loop() {
		p.Seq++
		w.Push(p, &c)
	}
}
