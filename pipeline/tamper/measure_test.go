package tamper

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/internal/scene"
)

// outcome is what a monitor said of one run.
type outcome struct {
	found  bool
	early  bool    // untrusted before the onset
	delay  float64 // from the onset
	reason Reason
	states []string
}

// right says whether the kind was found within 5 s, or rightly not at all.
func (o *outcome) right(k *kind) bool {
	return !o.early && o.found == (k.want != nil) && o.delay <= 5
}

// run watches footage, forth and back if it is too short, with an effect from the onset on.
func run(t *testing.T, ref *Reference, f footage, k kind, onset, total float64) outcome {
	t.Helper()
	m, err := New(ref, ref.Side, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := fnv.New64()
	_, _ = fmt.Fprint(h, k.name, f.name)
	change := k.make(rand.New(rand.NewPCG(h.Sum64(), 1)))
	s := newShrink(ref.Side)
	picture := make([]byte, ref.Side*ref.Side)
	frame := make([]byte, wide*high)
	var o outcome
	var last State
	for i := 0; float64(i)/f.fps < total; i++ {
		n := i % (2 * len(f.frames))
		if n >= len(f.frames) {
			n = 2*len(f.frames) - 1 - n
		}
		copy(frame, f.frames[n])
		at := float64(i) / f.fps
		if t := at - onset; t >= 0 && (k.length == 0 || t < k.length) {
			change(frame, t)
		}
		s.picture(picture, frame)
		v := m.Push(picture, time.Duration(at*float64(time.Second)), false)
		if v.State != last {
			o.states = append(o.states, fmt.Sprintf("%.1f s %v %v", at-onset, v.State, v.Reason))
			last = v.State
		}
		if v.State == Untrusted && !o.found && !o.early {
			o.early = at < onset
			o.found, o.delay, o.reason = at >= onset, at-onset, v.Reason
		}
	}
	return o
}

// TestPlaces watches every kind of tampering, and what is none, on a drawn street; with VIGIL_LONG on the real places
// too, with references of 10 s, of 60 s and of all normal video. It logs what docs/tamper.md says of it.
func TestPlaces(t *testing.T) {
	places := []place{{
		name:   "street 2, short",
		normal: []footage{draw(t, scene.Config{Seed: 2, Day: 1}, 10)},
		other:  []footage{draw(t, scene.Config{Seed: 2, Day: 2}, 10)},
	}}
	lengths := []float64{10}
	few := []string{"covered by a hand", "defocused 3 px", "moved 10 px", "lights to 5 %", "nothing"}
	if os.Getenv("VIGIL_LONG") != "" {
		lengths, few = []float64{10, 60, 1e9}, nil
		places = []place{
			avenue(t), ped2(t), streetPlace(t, 1, false, 120, 40), streetPlace(t, 2, true, 120, 40),
			// Nothing was chosen on these.
			vtest(t), streetPlace(t, 3, false, 120, 40), streetPlace(t, 4, true, 120, 40),
		}
	}
	for _, p := range places {
		for _, seconds := range lengths {
			t.Run(fmt.Sprintf("%s/%.0f s", p.name, seconds), func(t *testing.T) { p.measure(t, seconds, few) })
		}
	}
}

// TestTurnedWherePeopleWalk checks that a camera that is turned to a scene in which much moves is found in time.
func TestTurnedWherePeopleWalk(t *testing.T) {
	p := avenue(t)
	ref := p.learn(t, 128, 30)
	i := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == "turned slowly" })
	k := kinds()[i]
	if o := run(t, ref, p.other[0], k, 14, 20); !o.right(&k) || o.reason != Turned {
		t.Errorf("found %v as %v after %.1f s: %s", o.found, o.reason, o.delay, strings.Join(o.states, ", "))
	}
}

func (p place) measure(t *testing.T, seconds float64, few []string) {
	ref := p.learn(t, 192, seconds)
	if err := ref.Check(); err != nil {
		t.Fatal(err)
	}
	right, runs := 0, 0
	for _, k := range kinds() {
		if few != nil && !slices.Contains(few, k.name) {
			continue
		}
		clips := p.other
		if k.name != "nothing" {
			clips = clips[:1]
		}
		for _, f := range clips {
			onset, total := 4., 10.
			switch {
			case strings.Contains(k.name, "minute"):
				onset, total = 2, 66
			case k.want == nil && few == nil:
				onset, total = 2, 26
			}
			o := run(t, ref, f, k, onset, total)
			named := k.want == nil || slices.Contains(k.want, o.reason)
			runs++
			if o.right(&k) && named {
				right++
			}
			t.Logf("%-24s %-20s found %v after %.1f s, reason %v; right: %v, named right: %v; %s", k.name, f.name,
				o.found, o.delay, o.reason, o.right(&k), named, strings.Join(o.states, ", "))
		}
	}
	t.Logf("%d of %d right", right, runs)
	if few != nil && right < runs || 10*right < 9*runs {
		t.Errorf("%d of %d right", right, runs)
	}
}
