package preprocess

import (
	"testing"
	"time"

	"vigil/video"
)

// TestAccount checks the fate of every picture and of every clip that was due.
func TestAccount(t *testing.T) {
	gaps := func(n int) []video.Picture { // every tenth picture is missing
		ps := pictures(n, 0, 0, 100*ms)
		for i := range ps {
			ps[i].Seq += uint64(i / 10)
		}
		return ps
	}
	for _, c := range []struct {
		name string
		cfg  WindowConfig
		in   []video.Picture
		want Account
	}{
		{
			"nothing is left",
			WindowConfig{Hop: 4, SourceFPS: 10},
			pictures(32, 0, 0, 100*ms),
			Account{Used: 32, Due: 8, Incomplete: 3},
		},
		{
			"some wait",
			WindowConfig{Hop: 4, SourceFPS: 10},
			pictures(34, 0, 0, 100*ms),
			Account{Used: 32, Waiting: 2, Due: 8, Incomplete: 3},
		},
		{
			"partial clips",
			WindowConfig{Hop: 4, SourceFPS: 10, PartialClips: true},
			pictures(32, 0, 0, 100*ms),
			Account{Used: 32, Due: 8},
		},
		{
			"a rate of which half is left out",
			WindowConfig{Hop: 4, FPS: 5, SourceFPS: 10},
			pictures(64, 0, 0, 100*ms),
			Account{Used: 32, Unused: 32, Due: 8, Incomplete: 3},
		},
		{
			"a hop above 16",
			WindowConfig{Hop: 20, SourceFPS: 10},
			pictures(56, 0, 0, 100*ms),
			Account{Used: 48, Unused: 8, Due: 3},
		},
		{
			"only gaps",
			WindowConfig{Hop: 4, SourceFPS: 10},
			gaps(45),
			Account{Lost: 40, Waiting: 5, Due: 9, Incomplete: 9},
		},
		{
			"only gaps and partial clips",
			WindowConfig{Hop: 4, SourceFPS: 10, PartialClips: true},
			gaps(45),
			Account{Used: 36, Lost: 8, Waiting: 1, Due: 9},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Side = 2
			w := NewWindow(c.cfg)
			var cuboid video.Cuboid
			for _, p := range c.in {
				w.Push(p, &cuboid)
				s, a := w.Stats(), w.Account()
				if s.Pictures != a.Used+a.Unused+a.Lost+a.Waiting || a.Due != a.Incomplete+s.Cuboids+s.Partial {
					t.Fatalf("the sums do not hold: %+v, %+v", s, a)
				}
			}
			if got := w.Account(); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
	// The sums hold while the rate is unknown, and when it changes.
	w := NewWindow(WindowConfig{Side: 2, Hop: 4, FPS: 12.5, Live: true, PartialClips: true})
	var cuboid video.Cuboid
	for i, p := range append(pictures(200, 0, 0, 40*ms), pictures(200, 200, 200*40*ms+time.Second, 80*ms)...) {
		p.Gray = make([]byte, 4)
		w.Push(p, &cuboid)
		if s, a := w.Stats(), w.Account(); s.Pictures != a.Used+a.Unused+a.Lost+a.Waiting ||
			a.Due != a.Incomplete+s.Cuboids+s.Partial {
			t.Fatalf("picture %d: the sums do not hold: %+v, %+v", i, s, a)
		}
	}
}
