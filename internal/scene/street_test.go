package scene

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func street(t testing.TB, cfg Config) *Street {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sum is a hash of the first frames.
func sum(s *Street, frames int) string {
	h := sha256.New()
	var bgr []byte
	for range frames {
		bgr = s.Next(bgr)
		h.Write(bgr)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestSeedDecidesEveryPixel(t *testing.T) {
	base := Config{Seed: 3, Width: 160, Height: 120, Rate: 4}
	want := sum(street(t, base), 25)
	if got := sum(street(t, base), 25); got != want {
		t.Error("the same configuration drew other pixels the second time")
	}
	for name, change := range map[string]func(*Config){
		"seed":    func(c *Config) { c.Seed++ },
		"day":     func(c *Config) { c.Day++ },
		"script":  func(c *Config) { c.Rate, c.Script = 0, []Moment{{Cart, time.Second}} },
		"quality": func(c *Config) { c.Quality = 60 },
		"clean":   func(c *Config) { c.Clean = true },
	} {
		cfg := base
		change(&cfg)
		if sum(street(t, cfg), 25) == want {
			t.Errorf("another %s drew the same pixels", name)
		}
	}
}

func TestFramesInAnyOrder(t *testing.T) {
	cfg := Config{Seed: 5, Width: 96, Height: 64, Script: []Moment{{Cart, time.Second}}}
	forward := street(t, cfg)
	var frames [][]byte
	for range 20 {
		frames = append(frames, forward.Next(nil))
	}
	back := street(t, cfg)
	for n, want := range slices.Backward(frames) {
		if !bytes.Equal(back.Frame(n, nil), want) {
			t.Fatalf("frame %d is another one when drawn from the end", n)
		}
	}
}

func TestDaysShareTheScene(t *testing.T) {
	a, b := street(t, Config{Seed: 9, Width: 96, Height: 72}), street(t, Config{Seed: 9, Day: 4, Width: 96, Height: 72})
	if !bytes.Equal(a.backdrop().Pix, b.backdrop().Pix) {
		t.Error("another day moved the houses")
	}
	if bytes.Equal(a.backdrop().Pix, street(t, Config{Seed: 10, Width: 96, Height: 72}).backdrop().Pix) {
		t.Error("another seed has the same houses")
	}
}

func TestSizesAndRates(t *testing.T) {
	for _, c := range []struct {
		cfg           Config
		width, height int
		fps           float64
	}{
		{Config{}, 320, 240, 12.5},
		{Config{Width: 160, Height: 90, FPS: 25}, 160, 90, 25},
		{Config{Width: 33, Height: 47, FPS: 1}, 33, 47, 1},
	} {
		s := street(t, c.cfg)
		w, h := s.Size()
		if w != c.width || h != c.height || s.FPS() != c.fps {
			t.Errorf("%+v: got %dx%d at %v, want %dx%d at %v", c.cfg, w, h, s.FPS(), c.width, c.height, c.fps)
		}
		if got := len(s.Next(nil)); got != 3*c.width*c.height {
			t.Errorf("%+v: a frame of %d bytes, want %d", c.cfg, got, 3*c.width*c.height)
		}
	}
}

func TestWrongConfigurations(t *testing.T) {
	for want, cfg := range map[string]Config{
		"each side must be from 32 to 4096": {Width: 320},
		"must be from 1 to 120":             {FPS: math.NaN()},
		"JPEG quality 101":                  {Quality: 101},
		"must be from 0 to 4":               {Rate: 5},
		"give one of them":                  {Rate: 1, Script: []Moment{{Cart, 0}}},
		"unknown kind(9)":                   {Script: []Moment{{Kind: 9}}},
		"before the start":                  {Script: []Moment{{Fall, -time.Second}}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got error %v, want one with %q", cfg, err, want)
		}
	}
}

func TestCrowdIsModerate(t *testing.T) {
	for seed := range uint64(4) {
		s := street(t, Config{Seed: seed, Width: 64, Height: 48})
		total, seconds := 0, 180
		for second := range seconds {
			at, seen := float64(second), 0
			for _, w := range s.crowd(at) {
				if p := w.pose(at); math.Abs(p.x) < s.camera.halfView(p.z) {
					seen++
				}
			}
			if seen > 9 {
				t.Errorf("seed %d, second %d: %d people in the picture", seed, second, seen)
			}
			total += seen
		}
		if mean := float64(total) / float64(seconds); mean < 2 || mean > 5 {
			t.Errorf("seed %d: %.1f people in the picture on average, want 2 to 5", seed, mean)
		}
	}
}

func TestLightChangesSlowly(t *testing.T) {
	l := newLight(1)
	darkest, brightest := math.Inf(1), 0.0
	for i := range 6000 {
		at := float64(i) / 10
		_, now := l.at(at)
		_, later := l.at(at + 1)
		if math.Abs(later-now) > 0.05 {
			t.Fatalf("at %v s the gain goes from %.3f to %.3f in a second", at, now, later)
		}
		darkest, brightest = min(darkest, now), max(brightest, now)
	}
	if brightest-darkest < 0.1 {
		t.Errorf("the gain stays between %.3f and %.3f", darkest, brightest)
	}
}

func TestDrawingKeepsItsBuffers(t *testing.T) {
	s := street(t, Config{Width: 96, Height: 72, Clean: true})
	var bgr []byte
	for range 50 {
		bgr = s.Next(bgr)
	}
	// The remaining allocations are the generators of the current walkers, about 16 bytes each.
	if allocs := testing.AllocsPerRun(100, func() { bgr = s.Next(bgr) }); allocs > 80 {
		t.Errorf("%v allocations a frame", allocs)
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, clean := range []bool{false, true} {
		b.Run(fmt.Sprintf("clean=%v", clean), func(b *testing.B) {
			s := street(b, Config{Seed: 7, Clean: clean})
			var bgr []byte
			b.ReportAllocs()
			for b.Loop() {
				bgr = s.Next(bgr)
			}
		})
	}
}

// TestScreenFlickersInItsPlace expects the screen to change all the time, and nothing else to be affected by it.
func TestScreenFlickersInItsPlace(t *testing.T) {
	cfg := Config{Seed: 4, Width: 128, Height: 96, Clean: true}
	plain := street(t, cfg)
	cfg.Screen = true
	with := street(t, cfg)
	box := with.screen()
	if box.Dx() < 20 || box.Dy() < 8 {
		t.Fatalf("the screen is %v", box)
	}
	var before []byte
	for n := range 40 {
		a, b := plain.Frame(n, nil), with.Frame(n, nil)
		same, changed := true, false
		for y := range 96 {
			for x := range 128 {
				i := 3 * (y*128 + x)
				differs := !slices.Equal(a[i:i+3], b[i:i+3])
				if in := image.Pt(x, y).In(box); differs && !in {
					t.Fatalf("frame %d: the screen changes the pixel %d, %d", n, x, y)
				} else if before != nil && in && !slices.Equal(before[i:i+3], b[i:i+3]) {
					changed = true
				}
				same = same && !differs
			}
		}
		// 12.5 frames and 3 screen images per second: at least every fifth frame is new.
		if same || n%5 == 0 && n > 0 && !changed {
			t.Errorf("frame %d: no screen, or it stands still", n)
		}
		if n%5 == 0 {
			before = b
		}
	}
}
