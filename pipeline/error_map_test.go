//go:build cgo && gocv_videoio

package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vigil/pipeline/detect"
	"vigil/video"
)

// Error maps are kept for as long as somebody asks for them, and none is older than that.
func TestErrorMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cam := camera(t, "gate", fakeStream{greys: scene(1000, 0, 2000), live: true, err: errors.New("over")})
		cam.Live, cam.RetryMin, cam.RetryMax = true, time.Hour, time.Hour
		cam.Media = NewMediaBuffer(time.Minute, 1<<20)
		engine := NewEngine(t.Context(), Options{})
		defer func() { _ = engine.Close() }()
		if err := engine.Add(cam); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		kept := func() bool {
			cam.Media.maps.mu.Lock()
			defer cam.Media.maps.mu.Unlock()
			return cam.Media.maps.latest != nil
		}
		if kept() {
			t.Error("a map is kept that nobody asked for")
		}
		ask := func(within time.Duration) *ErrorMap {
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			m, _ := cam.Media.ErrorMap(ctx)
			return m
		}
		first := ask(10 * time.Second)
		if first == nil || len(first.Errors) != first.Side*first.Side || first.Side != 16 || first.Errors[0] == 0 {
			t.Fatalf("there is none, or it is empty: %+v", first)
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		if m := ask(10 * time.Second); m == nil || m.Frame < first.Frame+80 || time.Since(began) != 0 {
			t.Errorf("later: %v after %v, the first %d", m, time.Since(began), first.Frame)
		}
		time.Sleep(mapWanted + 10*time.Second)
		if kept() {
			t.Error("a map is still kept")
		}
		if ask(10*time.Second) == nil {
			t.Error("asked again there is none")
		}
		time.Sleep(5 * time.Minute) // the source has ended
		if m := ask(10 * time.Second); m != nil {
			t.Errorf("an old map: frame %d", m.Frame)
		}
	})
}

// remoteStill has one picture.
type remoteStill struct {
	of  uint64
	err error
}

func (r remoteStill) Still(context.Context, uint64) ([]byte, uint64, error) {
	return []byte("full"), r.of, r.err
}

// A picture of another process is as old as the preview of its frame.
func TestPictureSaysWhenItArrived(t *testing.T) {
	b := NewMediaBuffer(time.Minute, 1<<20)
	if _, ok := b.Latest(); ok {
		t.Error("an empty buffer has a latest picture")
	}
	if _, _, err := b.Picture(t.Context(), 3); err == nil {
		t.Error("an empty buffer has a picture")
	}
	at := time.Now()
	for i := range 10 {
		b.AddPreview(video.Preview{
			Seq: uint64(5 * i), Arrival: at.Add(time.Duration(i) * video.PreviewEvery), JPEG: []byte("small"),
		})
	}
	latest, ok := b.Latest()
	if !ok || latest.Seq != 45 {
		t.Errorf("the latest is %d", latest.Seq)
	}
	for _, c := range []struct {
		source StillSource
		seq    uint64
		jpeg   string
		of     uint64
	}{
		{nil, 45, "small", 45},
		{remoteStill{of: 40}, 45, "full", 40},
		{remoteStill{err: errors.New("gone")}, 45, "small", 45},
		{remoteStill{of: 1 << 60}, 45, "full", 1 << 60}, // its time is that of the latest
	} {
		b.attach(c.source)
		p, full, err := b.Picture(t.Context(), c.seq)
		want := at.Add(time.Duration(min(c.of, 45)/5) * video.PreviewEvery)
		if err != nil || string(p.JPEG) != c.jpeg || full != (c.jpeg == "full") || p.Seq != c.of ||
			!p.Arrival.Equal(want) {
			t.Errorf("%+v: %s of frame %d at %v, %v", c, p.JPEG, p.Seq, p.Arrival.Sub(at), err)
		}
	}
}

// A clip whose map nobody wants costs nothing.
func BenchmarkErrorMapNotWanted(b *testing.B) {
	benchmarkOffer(b, func(*MediaBuffer) {})
}

// One whose map is wanted costs a copy.
func BenchmarkErrorMapWanted(b *testing.B) {
	benchmarkOffer(b, func(m *MediaBuffer) { m.maps.until.Store(time.Now().Add(time.Hour).UnixNano()) })
}

func benchmarkOffer(b *testing.B, prepare func(*MediaBuffer)) {
	clip := detect.Clip{Map: make([]float32, 192*192)}
	m := NewMediaBuffer(time.Minute, 1<<20)
	prepare(m)
	b.ReportAllocs()
	for b.Loop() {
		m.maps.offer(&clip, 192)
	}
}
