package preprocess

import (
	"math/rand/v2"
	"testing"
	"time"

	"vigil/video"
)

// TestDue checks that a picture completes a cuboid only if Due reported it, at any hop and rate and with any gaps.
func TestDue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // A test's pictures need not be secret.
	complete := 0
	for _, cfg := range []WindowConfig{
		{Side: 2, Hop: 1, PartialClips: true},
		{Side: 2, Hop: 2, PartialClips: true},
		{Side: 2, Hop: 3, PartialClips: true, FPS: 10},
		{Side: 2, Hop: 7, FPS: 4},
		{Side: 2, Hop: 40},
		{Side: 2},
	} {
		cfg.Live = true
		w := NewWindow(cfg)
		var at time.Duration
		var seq uint64
		arrival := time.Unix(1700000000, 0)
		for range 3000 {
			step := 40 * time.Millisecond
			switch rng.IntN(60) {
			case 0:
				step = 5 * time.Second
			case 1:
				seq++
			}
			at, seq = at+step, seq+1
			var c *video.Cuboid // Push panics if it needs a cuboid that was not due
			if w.Due() {
				c = new(video.Cuboid)
			}
			if w.Push(video.Picture{
				Seq: seq, PTS: at, Arrival: arrival.Add(at), Generation: 1, Width: 2, Height: 2, Side: 2,
				Gray: make([]byte, 4),
			}, c) {
				complete++
			}
		}
	}
	if complete < 1000 {
		t.Errorf("only %d cuboids", complete)
	}
}
