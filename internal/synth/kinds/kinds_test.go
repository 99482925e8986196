package kinds

import (
	"bytes"
	"errors"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"testing"

	"vigil/internal/scene"
	"vigil/internal/synth"
)

// street is half a minute of the drawn street.
var street = sync.OnceValues(func() (*Place, error) {
	s, err := scene.New(scene.Config{Seed: 3, Width: 96, Height: 72, FPS: 10})
	if err != nil {
		return nil, err
	}
	v := synth.Video{Width: 96, Height: 72}
	var bgr []byte
	for range 320 {
		bgr = s.Next(bgr)
		for i := 0; i < len(bgr); i += 3 {
			v.Gray = append(v.Gray, byte((int(bgr[i])+2*int(bgr[i+1])+int(bgr[i+2]))/4))
		}
	}
	return New(Recording{v, 10})
})

func streetPlace(t *testing.T) *Place {
	t.Helper()
	p, err := street()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.walks) < 5 {
		t.Fatalf("%d walks were found in the street, want several", len(p.walks))
	}
	return p
}

// walk is a grey background with a dark figure that walks through it.
func walk(width, height, frames int, fps float64) Recording {
	v := synth.Video{Width: width, Height: height}
	for t := range frames {
		for y := range height {
			for x := range width {
				level := 110 + (x*7+y*13+t*5)%5
				if dx := x - t*width/frames; dx >= 0 && dx < width/12+1 && y > height/3 && y < height*2/3 {
					level = 30
				}
				v.Gray = append(v.Gray, byte(level))
			}
		}
	}
	return Recording{v, fps}
}

func makeOf(t *testing.T, k *Kind, p *Place, seed uint64, instance int) *Clip {
	t.Helper()
	clip, err := k.Make(p, seed, instance)
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

// sums are the sums of every fourth of a clip's pictures and masks, drawn from the last frame to the first if
// backwards.
func sums(clip *Clip, p *Place, backwards bool) (out []uint64) {
	picture, mask := make([]byte, p.Width*p.Height), make([]bool, p.Width*p.Height)
	for n := 0; n < clip.Frames; n += 4 {
		f := n
		if backwards {
			f = (clip.Frames-1)/4*4 - n
		}
		clip.Draw(f, picture, mask)
		sum := fnv.New64a()
		_, _ = sum.Write(picture)
		for _, on := range mask {
			if on {
				_, _ = sum.Write([]byte{1})
			}
		}
		out = append(out, sum.Sum64())
	}
	if backwards {
		slices.Reverse(out)
	}
	return out
}

func TestKindsAreReproducible(t *testing.T) {
	p := streetPlace(t)
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			once := sums(makeOf(t, &k, p, 1, 1), p, false)
			if again := sums(makeOf(t, &k, p, 1, 1), p, true); !slices.Equal(once, again) {
				t.Error("the same seed gives another clip")
			}
			if other := sums(makeOf(t, &k, p, 2, 1), p, false); slices.Equal(once, other) {
				t.Error("another seed gives the same clip")
			}
			if other := sums(makeOf(t, &k, p, 1, 2), p, false); slices.Equal(once, other) {
				t.Error("another instance is the same clip")
			}
		})
	}
}

// What a kind leaves alone, and how it ends.
var (
	// Somebody walks as usual before and after these, or something comes into the picture slowly.
	changesNormal = []string{"fall", "left", "stands", "fight", "walker", "dusk", "lorry", "flames"}
	stays         = []string{"moved", "turned", "sprayed", "web"}
	partly        = []string{"insects", "web"}
)

func TestLabelsFit(t *testing.T) {
	p := streetPlace(t)
	area := p.Width * p.Height
	picture, mask := make([]byte, area), make([]bool, area)
	for _, k := range All() {
		t.Run(k.Name, func(t *testing.T) {
			for instance := 1; instance <= 2; instance++ {
				clip := makeOf(t, &k, p, 1, instance)
				first, last := -1, -1
				for n := range clip.Frames {
					abnormal := clip.Draw(n, picture, mask)
					marked, changed := 0, 0
					was := p.frame(clip.source + n)
					for i, on := range mask {
						if on {
							marked++
						}
						if picture[i] != was[i] {
							changed++
						}
					}
					if !abnormal {
						if marked > 0 {
							t.Fatalf("frame %d is normal, and %d pixels are not", n, marked)
						}
						// Who leaves the picture is in it for a while after half of him is not.
						outside := n < p.frames(minLead) || k.Group != Scene && last >= 0
						if outside && changed > 0 && !slices.Contains(changesNormal, k.Name) {
							t.Fatalf("frame %d is normal, and %d pixels are not those of the recording", n, changed)
						}
						continue
					}
					if first < 0 {
						first = n
					}
					last = n
					whole := (k.Group == Camera || k.Group == Weather) && !slices.Contains(partly, k.Name)
					if marked == 0 || whole && marked != area {
						t.Fatalf("frame %d is abnormal, with %d of %d pixels", n, marked, area)
					}
				}
				switch {
				case !k.Abnormal():
					if first >= 0 {
						t.Errorf("frame %d of a quiet clip is abnormal", first)
					}
				case first < p.frames(minLead):
					t.Errorf("abnormal from frame %d on", first)
				case slices.Contains(stays, k.Name):
					if last != clip.Frames-1 {
						t.Errorf("ends in frame %d of %d, it should stay", last, clip.Frames)
					}
				case clip.Frames-1-last < p.frames(minTail):
					t.Errorf("ends in frame %d of %d, without %v s of normal video", last, clip.Frames, minTail)
				}
			}
		})
	}
}

// differing is the number of pixels of a picture that differ from the recording's by so many levels.
func differing(p *Place, picture []byte, n, levels int) (count int) {
	for i, v := range p.frame(n) {
		if d := int(v) - int(picture[i]); d >= levels || d <= -levels {
			count++
		}
	}
	return count
}

// TestAbnormalLooksOther checks that each kind can be seen where it is marked, and that quiet ones but nothing change
// something.
func TestAbnormalLooksOther(t *testing.T) {
	p := streetPlace(t)
	area := p.Width * p.Height
	picture, mask := make([]byte, area), make([]bool, area)
	for _, k := range All() {
		clip := makeOf(t, &k, p, 1, 1)
		seen := 0
		for n := range clip.Frames {
			abnormal := clip.Draw(n, picture, mask)
			if abnormal || !k.Abnormal() {
				seen = max(seen, differing(p, picture, clip.source+n, 6))
			}
		}
		if k.Name == "nothing" && seen > 0 || k.Name != "nothing" && seen < 15 {
			t.Errorf("%s: %d pixels differ from the recording", k.Name, seen)
		}
	}
}

func TestFrozenRepeatsAPicture(t *testing.T) {
	p := streetPlace(t)
	all, err := Select("frozen")
	if err != nil {
		t.Fatal(err)
	}
	clip := makeOf(t, &all[0], p, 1, 1)
	picture, mask := make([]byte, p.Width*p.Height), make([]bool, p.Width*p.Height)
	var held []byte
	for n := range clip.Frames {
		if clip.Draw(n, picture, mask) {
			if held != nil && !bytes.Equal(held, picture) {
				t.Fatalf("frame %d is another picture", n)
			}
			held = slices.Clone(picture)
		}
	}
}

// TestNoiseGoesOn checks that a covered lens is dark, but not a still picture.
func TestNoiseGoesOn(t *testing.T) {
	p := streetPlace(t)
	for _, name := range []string{"covered", "defocused", "dark"} {
		all, err := Select(name)
		if err != nil {
			t.Fatal(err)
		}
		clip := makeOf(t, &all[0], p, 1, 1)
		mask := make([]bool, p.Width*p.Height)
		one, two := make([]byte, len(mask)), make([]byte, len(mask))
		middle := 0
		for n := range clip.Frames {
			if clip.Draw(n, one, mask) {
				middle++
			}
		}
		first := 0
		for !clip.Draw(first, one, mask) {
			first++
		}
		clip.Draw(first+middle/2, one, mask)
		clip.Draw(first+middle/2+1, two, mask)
		sum, same := 0, 0
		for i, v := range one {
			sum += int(v)
			if v == two[i] {
				same++
			}
		}
		if same > len(one)*9/10 {
			t.Errorf("%s: %d of %d pixels are the same in two frames", name, same, len(one))
		}
		if mean := sum / len(one); name == "covered" && mean > 50 {
			t.Errorf("a covered lens shows a mean level of %d", mean)
		}
	}
}

// TestSizesAndRates makes every kind of small, odd and large pictures.
func TestSizesAndRates(t *testing.T) {
	for _, c := range []struct {
		width, height int
		fps           float64
	}{{16, 16, 10}, {37, 61, 5}, {151, 33, 12.5}, {1283, 721, 2}} {
		p, err := New(walk(c.width, c.height, int(9*c.fps), c.fps))
		if err != nil {
			t.Fatal(err)
		}
		picture, mask := make([]byte, c.width*c.height), make([]bool, c.width*c.height)
		for _, k := range All() {
			clip, err := k.Make(p, 1, 1)
			if errors.Is(err, errNobody) {
				continue
			}
			if err != nil {
				t.Errorf("%v, %s: %v", c, k.Name, err)
				continue
			}
			for n := 0; n < clip.Frames; n += max(clip.Frames/8, 1) {
				clip.Draw(n, picture, mask)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		r    Recording
		want string
	}{
		{walk(64, 48, 79, 10), "too short: 7.9 s"},
		{walk(64, 48, 0, 10), "too short: 0.0 s"},
		{walk(15, 48, 100, 10), "15x48"},
		{walk(48, 15, 100, 10), "48x15"},
		{walk(64, 48, 10, 0), "0 frames a second"},
		{walk(64, 48, 10, 500), "500 frames a second"},
	} {
		if _, err := New(c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := New(walk(64, 48, 10, 10)); !errors.Is(err, errTooShort) {
		t.Errorf("error %v, want errTooShort", err)
	}
}

func TestNobodyToCutOut(t *testing.T) {
	still := walk(64, 48, 1, 1)
	p, err := New(Recording{synth.Video{Width: 64, Height: 48, Gray: bytes.Repeat(still.Gray, 100)}, 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range All() {
		needs := slices.Contains([]string{
			"runner", "offpath", "fall", "left", "stands", "against", "reversed", "rides", "fight", "walker",
		}, k.Name)
		if _, err := k.Make(p, 1, 1); errors.Is(err, errNobody) != needs || err != nil != needs {
			t.Errorf("%s: error %v, needs somebody: %v", k.Name, err, needs)
		}
	}
}

func TestSelect(t *testing.T) {
	names := func(all []Kind) (out []string) {
		for _, k := range all {
			out = append(out, k.Name)
		}
		return out
	}
	all, err := Select("all")
	if err != nil || len(all) != len(All()) {
		t.Errorf("all: %v, %v", names(all), err)
	}
	some, err := Select("fog, runner,fog")
	if got := names(some); err != nil || !slices.Equal(got, []string{"runner", "fog"}) {
		t.Errorf("fog and runner: %v, %v", got, err)
	}
	for _, bad := range []string{"", "frog", "fog,", "all,fog"} {
		if _, err := Select(bad); err == nil || !strings.Contains(err.Error(), "infrared") {
			t.Errorf("%q: error %v, want one that lists the kinds", bad, err)
		}
	}
	abnormal, seen := 0, map[string]bool{}
	for _, k := range All() {
		if seen[k.Name] || k.About == "" {
			t.Errorf("%s is there twice, or is not described", k.Name)
		}
		seen[k.Name] = true
		if k.Abnormal() {
			abnormal++
		}
	}
	if abnormal < 24 {
		t.Errorf("%d abnormal kinds, want at least 24", abnormal)
	}
}

// TestStaysOnPath has somebody who was seen around row 200 of 240.
func TestStaysOnPath(t *testing.T) {
	for _, tt := range []struct {
		name         string
		vy, top, low float64
		want         bool
	}{
		{"level, where people walk", 0, 150, 200, true},
		{"level, nearer than people walk", 0, 120, 170, false},
		{"towards the camera, beyond the last feet", 2, 110, 200, false},
		{"towards the camera, where people leave the picture below", 2, 110, 230, true},
		{"away, beyond the first feet", -2, 150, 230, false},
	} {
		p := &Place{
			Recording: Recording{Video: synth.Video{Width: 320, Height: 240}, FPS: 10},
			size:      perspective{top: tt.top, low: tt.low},
		}
		a := &actor{
			poses: make([]*sprite, 3), x: []float64{150, 154, 158}, y: []float64{200 - tt.vy, 200, 200 + tt.vy},
			vx: 4, vy: tt.vy, before: 1, after: 1, height: 40,
		}
		if from, to := a.span(p); a.staysOnPath(p, from, to) != tt.want {
			t.Errorf("%s: %v", tt.name, !tt.want)
		}
	}
}
