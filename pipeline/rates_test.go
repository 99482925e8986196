package pipeline

import (
	"testing"
	"time"

	"vigil/preprocess"
	"vigil/video"
)

// TestRatesOfTheLongestOpening checks that a short second opening does not replace the rates of a long one.
func TestRatesOfTheLongestOpening(t *testing.T) {
	w := &reader{}
	open := func(pictures int, step time.Duration) {
		window := preprocess.NewWindow(preprocess.WindowConfig{Side: 2, Hop: 4, Live: true})
		var c video.Cuboid
		for i := range pictures {
			at := time.Duration(i) * step
			window.Push(video.Picture{
				Seq: uint64(i), Generation: 1, Width: 2, Height: 2, PTS: at,
				Arrival: time.Time{}.Add(at), Gray: make([]byte, 4),
			}, &c)
		}
		w.storeRates(window)
	}
	for _, o := range []struct {
		pictures int
		step     time.Duration
		want     float64
	}{{20, 50 * time.Millisecond, 20}, {200, 100 * time.Millisecond, 10}, {20, 20 * time.Millisecond, 10}, {0, 0, 10}} {
		open(o.pictures, o.step)
		if r := w.stats.rates.Load(); r == nil || r.Seen < o.want*0.99 || r.Seen > o.want*1.01 {
			t.Errorf("after %d pictures every %v: %+v, want %g", o.pictures, o.step, r, o.want)
		}
	}
}
