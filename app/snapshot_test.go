package app

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts/evidence"
	"vigil/api"
	"vigil/geometry"
	"vigil/pipeline"
)

// All who ask at a time share one picture, and one that is abandoned is taken for another.
func TestSnapshotIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSnapshots()
		key := snapshotKey{media: pipeline.NewMediaBuffer(time.Minute, 1<<20)}
		var taken atomic.Int64
		take := func(ctx context.Context) (api.Snapshot, error) {
			taken.Add(1)
			select {
			case <-time.After(100 * time.Millisecond):
				return api.Snapshot{JPEG: []byte("a picture")}, nil
			case <-ctx.Done():
				return api.Snapshot{}, ctx.Err()
			}
		}
		ctx, abandon := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := s.get(ctx, key, take); !errors.Is(err, context.Canceled) {
				t.Errorf("abandoned: %v", err)
			}
		})
		synctest.Wait()
		for range 100 {
			asking.Go(func() {
				if p, err := s.get(t.Context(), key, take); err != nil || string(p.JPEG) != "a picture" {
					t.Errorf("%s, %v", p.JPEG, err)
				}
			})
		}
		synctest.Wait()
		abandon()
		asking.Wait()
		if taken.Load() != 2 {
			t.Errorf("%d pictures were taken", taken.Load())
		}
		began := time.Now()
		for time.Since(began) < 10*time.Second {
			if _, err := s.get(t.Context(), key, take); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := taken.Load(); n < 20 || n > 32 {
			t.Errorf("%d pictures were taken in 10 s", n)
		}
		failing := func(context.Context) (api.Snapshot, error) { return api.Snapshot{}, errDrawing }
		time.Sleep(time.Second)
		if _, err := s.get(t.Context(), key, failing); !errors.Is(err, errDrawing) {
			t.Error(err)
		}
		if _, err := s.get(t.Context(), key, take); err != nil {
			t.Errorf("after a failure: %v", err)
		}
		time.Sleep(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.latest) != 0 {
			t.Errorf("%d pictures are kept", len(s.latest))
		}
	})
}

// One picture is drawn at a time, with a rest after each.
func TestDrawingIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSnapshots()
		drawn := 0
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				_, err := s.draw(ctx, func() ([]byte, error) {
					drawn++ // the race detector sees two at a time
					time.Sleep(500 * time.Millisecond)
					return nil, nil
				})
				if err != nil && !errors.Is(err, errDrawing) {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if drawn != 5 {
			t.Errorf("%d pictures were drawn in 9 s", drawn)
		}
		time.Sleep(time.Minute)
	})
}

// What a mask covers is black, and the rest is as it was.
func TestMaskIsDrawn(t *testing.T) {
	mask := []geometry.Polygon{{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}, {X: 0, Y: 1}}}
	out, err := evidence.Draw(grey(t, 64, 48), []float32{0, 1, 0, 1}, 2, nil, mask)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[int]string{4: "black", 20: "black", 60: "red"} {
		r, g, _, _ := img.At(x, 24).RGBA()
		got := "neither"
		switch {
		case r>>8 < 16 && g>>8 < 16:
			got = "black"
		case r > 2*g:
			got = "red"
		}
		if got != want {
			t.Errorf("at %d: %d, %d is %s, want %s", x, r>>8, g>>8, got, want)
		}
	}
}

func grey(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(100 + (i/w+i%w)%50)
	}
	img.SetGray(0, 0, color.Gray{Y: 200})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// BenchmarkSnapshotShared is a request while there is a recent picture.
func BenchmarkSnapshotShared(b *testing.B) {
	s, key := newSnapshots(), snapshotKey{}
	for b.Loop() {
		_, _ = s.get(b.Context(), key, func(context.Context) (api.Snapshot, error) { return api.Snapshot{}, nil })
	}
}

// BenchmarkSnapshotDrawn is a drawing of 1920x1080 pixels with a mask.
func BenchmarkSnapshotDrawn(b *testing.B) {
	picture, heat := grey(b, 1920, 1080), make([]float32, 192*192)
	heat[9000] = 1
	mask := []geometry.Polygon{{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}, {X: 0, Y: 1}}}
	for b.Loop() {
		if _, err := evidence.Draw(picture, heat, 192, nil, mask); err != nil {
			b.Fatal(err)
		}
	}
}
