package scene

import (
	"image"
	"testing"
	"time"
)

func TestNormalStreetHasNoLabels(t *testing.T) {
	s := street(t, Config{Seed: 1})
	for n := range 2000 {
		if truth := s.Truth(n); truth.Abnormal || len(truth.Objects) != 0 || truth.Frame != n {
			t.Fatalf("frame %d: %+v", n, truth)
		}
	}
	if e := s.Episodes(2000); len(e) != 0 {
		t.Errorf("episodes of a normal street: %+v", e)
	}
}

// TestTruthMatchesTheDrawing compares each frame with the same frame without the anomaly.
func TestTruthMatchesTheDrawing(t *testing.T) {
	for seed := range uint64(2) {
		cfg := Config{Seed: seed, Width: 160, Height: 120, Clean: true}
		without := street(t, cfg)
		for _, kind := range Kinds() {
			cfg.Script = []Moment{{kind, 8 * time.Second}}
			with := street(t, cfg)
			var a, b []byte
			changed := 0
			for n := 96; n < 240; n += 3 {
				truth := with.Truth(n)
				if kind == Fall && len(truth.Objects) == 0 {
					continue // The person who falls walks before and after.
				}
				a, b = with.Frame(n, a), without.Frame(n, b)
				diff := difference(a, b, 160, 120)
				var box, shadow image.Rectangle
				for _, thing := range truth.Objects {
					box, shadow = thing.Box, thing.Shadow
				}
				for _, p := range diff {
					if !p.In(box) && !p.In(shadow) {
						t.Fatalf("%v, seed %d, frame %d: pixel %v differs outside of box %v and shadow %v", kind, seed,
							n, p, box, shadow)
					}
				}
				if truth.Abnormal && len(diff) == 0 {
					t.Errorf("%v, seed %d, frame %d: abnormal, but nothing is drawn", kind, seed, n)
				}
				changed += len(diff)
			}
			if changed == 0 {
				t.Errorf("%v, seed %d: never drawn", kind, seed)
			}
		}
	}
}

func difference(a, b []byte, width, height int) (at []image.Point) {
	for i := range width * height {
		if [3]byte(a[3*i:]) != [3]byte(b[3*i:]) {
			at = append(at, image.Pt(i%width, i/width))
		}
	}
	return at
}

func TestScriptIsPlayed(t *testing.T) {
	var script []Moment
	for i, kind := range Kinds() {
		script = append(script, Moment{kind, time.Duration(5+12*i) * time.Second})
	}
	for seed := range uint64(5) {
		s := street(t, Config{Seed: seed, Script: script})
		episodes := s.Episodes(800)
		if len(episodes) != len(script) {
			t.Fatalf("seed %d: episodes %+v, want one for each of %+v", seed, episodes, script)
		}
		for i, e := range episodes {
			from, length := float64(e.FirstFrame)/s.FPS(), float64(e.LastFrame-e.FirstFrame+1)/s.FPS()
			late := from - script[i].At.Seconds()
			if e.Kind != script[i].Kind || late < 0 || late > 1 || length < 1.6 || length > 10 {
				t.Errorf("seed %d: %+v begins %.2f s after its moment %+v and lasts %.2f s", seed, e, late,
					script[i], length)
			}
		}
	}
}

func TestAnomalyLabels(t *testing.T) {
	for _, kind := range Kinds() {
		for seed := range uint64(5) {
			s := street(t, Config{Seed: seed, Script: []Moment{{kind, 6 * time.Second}}})
			e := s.Episodes(400)[0]
			middle := (e.FirstFrame + e.LastFrame) / 2
			first, second := s.Truth(middle - 5).Objects[0].Box, s.Truth(middle + 5).Objects[0].Box
			in := &s.script[0]
			_, _, scale := s.camera.project(vec{0, 0, in.z})
			speed := float64(first.Min.Add(first.Max).Sub(second.Min.Add(second.Max)).X) / 2 / scale / 10 * s.FPS()
			speed = max(speed, -speed)
			switch {
			case kind == Fall && (speed > 0.2 || second.Dx() <= second.Dy()):
				t.Errorf("seed %d: fallen, moves at %.2f m/s, box %v", seed, speed, second)
			case kind != Fall && speed < 2.7:
				t.Errorf("seed %d: %v at %.2f m/s, box %v to %v", seed, kind, speed, first, second)
			}
			if share := float64(first.Dy()) / 240; kind != Fall && (share < 0.16 || share > 0.36) {
				t.Errorf("seed %d: %v takes %.2f of the picture's height", seed, kind, share)
			}
		}
	}
}

func TestRateBringsEveryKind(t *testing.T) {
	for _, rate := range []float64{0.5, 2, 4} {
		s := street(t, Config{Seed: 2, Rate: rate})
		minutes := 8 / rate
		frames := int(minutes * 60 * s.FPS())
		seen := map[Kind]int{}
		for _, e := range s.Episodes(frames) {
			seen[e.Kind]++
		}
		for _, kind := range Kinds() {
			if seen[kind] != 2 {
				t.Errorf("rate %v: %d times %v in %v minutes, want 2", rate, seen[kind], kind, minutes)
			}
		}
	}
}

func TestVisibleShare(t *testing.T) {
	s := street(t, Config{Seed: 4, Script: []Moment{{Cart, 2 * time.Second}}})
	var shares []float64
	for n := range 120 {
		for _, thing := range s.Truth(n).Objects {
			if thing.Visible < 0 || thing.Visible > 1 {
				t.Fatalf("frame %d: %v of the cart is visible", n, thing.Visible)
			}
			if whole := thing.Box.Min.X > 0 && thing.Box.Max.X < 320; whole && thing.Visible != 1 {
				t.Errorf("frame %d: box %v is inside, but only %v of it is visible", n, thing.Box, thing.Visible)
			}
			shares = append(shares, thing.Visible)
		}
	}
	if len(shares) == 0 || shares[0] > 0.5 || shares[len(shares)-1] > 0.5 {
		t.Errorf("the cart does not come in and go out by degrees: %v", shares)
	}
}
