package tamper

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// testSide is the side of the drawn pictures.
const testSide = 96

// scenery draws a place of blocks and stripes with a thing that passes, and noise.
type scenery struct {
	base []float64
	rand *rand.Rand
}

func newScenery(seed uint64) *scenery {
	s := &scenery{base: make([]float64, testSide*testSide), rand: rand.New(rand.NewPCG(seed, 1))}
	for i := range s.base {
		s.base[i] = 110
	}
	for range 220 {
		x, y := s.rand.IntN(testSide), s.rand.IntN(testSide)
		w, h, tone := 3+s.rand.IntN(14), 3+s.rand.IntN(14), 30+190*s.rand.Float64()
		for v := y; v < min(testSide, y+h); v++ {
			for u := x; u < min(testSide, x+w); u++ {
				s.base[v*testSide+u] = tone
			}
		}
	}
	return s
}

// at fills out with the picture at a time in seconds: something passes, and the sensor's noise has a deviation of 2.
func (s *scenery) at(out []float32, t float64) {
	px := int(20*t)%(testSide+20) - 10
	for y := range testSide {
		for x := range testSide {
			v := s.base[y*testSide+x]
			if x >= px && x < px+8 && y > 40 && y < 70 {
				v = 200 - v/2
			}
			out[y*testSide+x] = float32(clip(v+2*s.rand.NormFloat64()))/127.5 - 1
		}
	}
}

func (s *scenery) learn(t *testing.T, seconds float64) *Reference {
	t.Helper()
	l := NewLearner(testSide, nil)
	picture := make([]float32, testSide*testSide)
	for i := range int(seconds * 10) {
		s.at(picture, float64(i)/10)
		l.Add(gray(picture), time.Duration(i)*100*time.Millisecond)
	}
	ref, err := l.Reference()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// gray converts a picture in [-1, 1] to grey levels.
func gray(p []float32) []byte {
	out := make([]byte, len(p))
	for i, v := range p {
		out[i] = clip((float64(v) + 1) * 127.5)
	}
	return out
}

// shiftPicture moves a picture by whole pixels.
func shiftPicture(p []float32, dx, dy int) {
	old := slices.Clone(p)
	for y := range testSide {
		for x := range testSide {
			u, v := max(0, min(testSide-1, x-dx)), max(0, min(testSide-1, y-dy))
			p[y*testSide+x] = old[v*testSide+u]
		}
	}
}

func blurPicture(p []float32) {
	for range 3 {
		old := slices.Clone(p)
		for y := 1; y < testSide-1; y++ {
			for x := 1; x < testSide-1; x++ {
				i := y*testSide + x
				p[i] = (old[i-1] + old[i] + old[i+1] + old[i-testSide] + old[i+testSide]) / 5
			}
		}
	}
}

func fill(p []float32, tone func(x, y int) float64) {
	for i := range p {
		p[i] = float32(tone(i%testSide, i/testSide)/127.5 - 1)
	}
}

func TestMonitorNamesTampering(t *testing.T) {
	s := newScenery(1)
	ref := s.learn(t, 12)
	var held []float32
	for _, c := range []struct {
		name string
		do   func(p []float32)
		want Reason
	}{
		{
			"covered",
			func(p []float32) { fill(p, func(x, y int) float64 { return 90 + float64(x)/8 + float64(y)/12 }) },
			Covered,
		},
		{"dark", func(p []float32) {
			for i := range p {
				p[i] = (p[i]+1)*0.2 - 1
			}
		}, Dark},
		{"blinded", func(p []float32) {
			for i := range p {
				d := math.Hypot(float64(i%testSide)-48, float64(i/testSide)-40)
				p[i] = min(1, p[i]+0.6+float32(2.5*math.Exp(-d*d/2000)))
			}
		}, Blinded},
		{"defocused", blurPicture, Defocused},
		{"moved", func(p []float32) { shiftPicture(p, 3, 1) }, Moved},
		{"turned", func(p []float32) {
			other := newScenery(99)
			other.at(p, 1)
		}, Turned},
		{"frozen", func(p []float32) {
			if held == nil {
				held = slices.Clone(p)
			}
			copy(p, held)
		}, Frozen},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := New(ref, testSide, Options{})
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float32, testSide*testSide)
			found := -1.
			const onset, end = 5., 13.
			for i := range 200 {
				at := float64(i) / 10
				s.at(p, at)
				if at >= onset && at < end {
					c.do(p)
				}
				v := m.Push(gray(p), time.Duration(i)*100*time.Millisecond, false)
				if v.State == Untrusted && found < 0 {
					found = at
					if since := v.Since.Seconds(); since < onset-0.5 || since > onset+1 {
						t.Errorf("since %v s, began at %v s", since, onset)
					}
					if v.Reason != c.want {
						t.Errorf("reason %v, want %v; %+v", v.Reason, c.want, v.Evidence)
					}
				}
				switch {
				case v.State == Untrusted && at < onset:
					t.Fatalf("untrusted before it began: %+v", v)
				case v.State != Untrusted && found >= 0 && at < end+2.5:
					t.Fatalf("trusted again at %v s: %+v", at, v)
				case v.State != Trusted && at > end+5:
					t.Fatalf("still %+v %v s after the end", v, at-end)
				}
			}
			if found < 0 || found > onset+5 {
				t.Errorf("found at %v s, began at %v s", found, onset)
			}
		})
	}
}

func TestMonitorStaysTrusted(t *testing.T) {
	s := newScenery(2)
	ref := s.learn(t, 12)
	for name, do := range map[string]func(p []float32, t float64){
		"nothing": func([]float32, float64) {},
		"slow dusk": func(p []float32, t float64) {
			for i, v := range p {
				p[i] = (v+1)*float32(math.Exp(-t/40)) - 1
			}
		},
		"infrared": func(p []float32, t float64) {
			if t < 3 {
				return
			}
			for i, v := range p {
				if v > 0.2 {
					v = 0.2 - 0.8*(v-0.2)
				}
				p[i] = 0.6*v - 0.1
			}
		},
		"a lorry that stops": func(p []float32, t float64) {
			if t < 3 {
				return
			}
			for i := range p {
				if x, y := i%testSide, i/testSide; x < min(48, int(24*(t-3))) && y > 20 {
					p[i] = 0.3 + float32((x/6+y/9)%2)/8
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(ref, testSide, Options{})
			if err != nil {
				t.Fatal(err)
			}
			p := make([]float32, testSide*testSide)
			for i := range 250 {
				at := float64(i) / 10
				s.at(p, at)
				do(p, at)
				if v := m.Push(gray(p), time.Duration(i)*100*time.Millisecond, i == 100); v.State == Untrusted {
					t.Fatalf("at %v s: %+v", at, v)
				}
			}
		})
	}
}

// A coder that sends a still night bit by bit the same was learned as such.
func TestStillNightIsNotFrozen(t *testing.T) {
	s := newScenery(3)
	l := NewLearner(testSide, nil)
	p := make([]float32, testSide*testSide)
	fill(p, func(x, y int) float64 { return s.base[y*testSide+x] })
	for i := range 120 {
		l.Add(gray(p), time.Duration(i)*100*time.Millisecond)
	}
	ref, err := l.Reference()
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(ref, testSide, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if v := m.Push(gray(p), time.Duration(i)*100*time.Millisecond, false); v.State != Trusted {
			t.Fatalf("picture %d: %+v", i, v)
		}
	}
}

func TestReferenceCheck(t *testing.T) {
	ref := newScenery(4).learn(t, 10)
	text, err := json.Marshal(ref)
	if err != nil {
		t.Fatal(err)
	}
	var again Reference
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if err := again.Check(); err != nil {
		t.Fatalf("its own reference: %v", err)
	}
	for want, damage := range map[string]func(r *Reference){
		"version 1":     func(r *Reference) { r.Version = 2 },
		"side 7":        func(r *Reference) { r.Side = 7 },
		"0 views":       func(r *Reference) { r.Views = nil },
		"negative":      func(r *Reference) { r.Silent = -1 },
		"noise of 3":    func(r *Reference) { r.Noise = r.Noise[:3] },
		"picture: ":     func(r *Reference) { r.Views[0].Picture = r.Views[0].Picture[:9] },
		"of 7x7 pixels": func(r *Reference) { r.Views[0].Picture = encodePNG(make([]byte, 49), 7) },
		"fine is":       func(r *Reference) { r.Views[0].Fine = math.NaN() },
		"edges of cell": func(r *Reference) { r.Views[0].Edges[5] = -1 },
	} {
		var r Reference
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		damage(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := New(&r, testSide, Options{}); err == nil {
			t.Errorf("a monitor with a reference whose %s", want)
		}
	}
	if _, err := New(ref, 192, Options{}); err == nil || !strings.Contains(err.Error(), "side of 96") &&
		!strings.Contains(err.Error(), "side 96") {
		t.Errorf("pictures of another side: %v", err)
	}
	if _, err := NewLearner(testSide, nil).Reference(); !errors.Is(err, errTooShort) {
		t.Errorf("without pictures: %v", err)
	}
}

func TestMonitorDoesNotAllocate(t *testing.T) {
	s := newScenery(5)
	m, err := New(s.learn(t, 10), testSide, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float32, testSide*testSide)
	g := gray(p)
	at := time.Duration(0)
	if n := testing.AllocsPerRun(200, func() {
		m.Push(g, at, false)
		at += 200 * time.Millisecond
	}); n != 0 {
		t.Errorf("%v allocations a picture", n)
	}
}

func BenchmarkMonitor(b *testing.B) {
	const side = 192
	r := rand.New(rand.NewPCG(1, 1))
	pictures := make([][]byte, 32)
	base := make([]float32, side*side)
	for i := range base {
		base[i] = float32(math.Sin(float64(i%side)/4)*math.Cos(float64(i/side)/5)) * 0.8
	}
	l := NewLearner(side, nil)
	for i := range pictures {
		pictures[i] = gray(base)
		for j := range base {
			pictures[i][j] = clip(float64(pictures[i][j]) + 2*r.NormFloat64())
		}
	}
	for i := range 120 {
		l.Add(pictures[i%len(pictures)], time.Duration(i)*100*time.Millisecond)
	}
	ref, err := l.Reference()
	if err != nil {
		b.Fatal(err)
	}
	for _, fps := range []time.Duration{5, 10, 25} {
		b.Run(map[time.Duration]string{5: "5fps", 10: "10fps", 25: "25fps"}[fps], func(b *testing.B) {
			m, err := New(ref, side, Options{})
			if err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				m.Push(pictures[i%len(pictures)], time.Duration(i)*time.Second/fps, false)
				i++
			}
		})
	}
}

// TestMaskDoesNotCount checks that what lies under a mask neither hides tampering nor looks like it.
func TestMaskDoesNotCount(t *testing.T) {
	ignore := make([]bool, testSide*testSide)
	for i := range ignore {
		ignore[i] = i/testSide < 40 || i%testSide < 15
	}
	masked := func(p []float32) []byte {
		g := gray(p)
		for i, off := range ignore {
			if off {
				g[i] = 0
			}
		}
		return g
	}
	s := newScenery(6)
	p := make([]float32, testSide*testSide)
	l := NewLearner(testSide, ignore)
	for i := range 120 {
		s.at(p, float64(i)/10)
		l.Add(masked(p), time.Duration(i)*100*time.Millisecond)
	}
	ref, err := l.Reference()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want Reason
		do   func(p []float32)
	}{
		{None, func([]float32) {}},
		{Covered, func(p []float32) { fill(p, func(x, y int) float64 { return 90 + float64(x)/8 + float64(y)/12 }) }},
		{Dark, func(p []float32) {
			for i := range p {
				p[i] = (p[i]+1)*0.2 - 1
			}
		}},
		{Blinded, func(p []float32) { fill(p, func(int, int) float64 { return 255 }) }},
		{Moved, func(p []float32) { shiftPicture(p, 3, 1) }},
	} {
		m, err := New(ref, testSide, Options{Ignore: ignore})
		if err != nil {
			t.Fatal(err)
		}
		var v Verdict
		for i := range 100 {
			if s.at(p, float64(i)/10); i >= 50 {
				c.do(p)
			}
			v = m.Push(masked(p), time.Duration(i)*100*time.Millisecond, false)
			if i < 50 && v.State == Untrusted {
				t.Fatalf("%v: untrusted before it began: %+v", c.want, v)
			}
		}
		if v.Reason != c.want {
			t.Errorf("%v after 5 s, want %v: %+v", v.Reason, c.want, v.Evidence)
		}
	}
}

// TestReasonChanges covers a camera, and moves it before the cover is taken away.
func TestReasonChanges(t *testing.T) {
	s := newScenery(7)
	m, err := New(s.learn(t, 12), testSide, Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float32, testSide*testSide)
	var got []Reason
	var since []time.Duration
	for i := range 300 {
		switch s.at(p, float64(i)/10); {
		case i >= 50 && i < 120:
			fill(p, func(x, y int) float64 { return 90 + float64(x)/8 + float64(y)/12 })
		case i >= 120 && i < 220:
			shiftPicture(p, 6, 2)
		}
		v := m.Push(gray(p), time.Duration(i)*100*time.Millisecond, false)
		reason := None
		if v.State == Untrusted {
			reason = v.Reason
		}
		if len(got) == 0 || got[len(got)-1] != reason {
			got, since = append(got, reason), append(since, v.Since)
		}
	}
	if !slices.Equal(got, []Reason{None, Covered, Moved, None}) {
		t.Fatalf("reasons %v, want covered, moved and none", got)
	}
	if since[1] != since[2] {
		t.Errorf("untrusted since %v, then since %v: it is one time", since[1], since[2])
	}
}
