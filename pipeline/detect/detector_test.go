package detect

import (
	"math"
	"slices"
	"testing"
	"time"
)

// at returns a clip centred at the given stream time, at 10 fps.
func at(seconds, regularity float64) Clip {
	m := func(s float64) Moment {
		return Moment{Frame: uint64(math.Round(10 * s)), PTS: time.Duration(math.Round(s*1000)) * time.Millisecond}
	}
	return Clip{
		First: m(seconds - 0.8), Centre: m(seconds), Last: m(seconds + 0.7),
		Regularity: regularity, Error: 1 - regularity, Excess: 2 * (1 - regularity),
	}
}

type transitionAt struct {
	change           Transition
	when             float64 // centre of the clip that caused the transition
	start, peak, end uint64  // frames
}

// feed pushes a clip every hop seconds; regularity is a function of stream time.
func feed(d *Detector, from, to, hop float64, regularity func(t float64) float64) []transitionAt {
	var out []transitionAt
	for i := 0; ; i++ {
		t := from + float64(i)*hop
		if t > to {
			return out
		}
		c := at(t, regularity(t))
		if change, ep := d.Push(c); change != None {
			out = append(out, transitionAt{change, t, ep.Start.First.Frame, ep.Peak.Centre.Frame, ep.End.Last.Frame})
		}
	}
}

// dip is normal except for regularity low in [from, to).
func dip(from, to, low float64) func(float64) float64 {
	return func(t float64) float64 {
		if t >= from-1e-9 && t < to-1e-9 {
			return low
		}
		return 0.9
	}
}

func changes(s []transitionAt) []Transition {
	var out []Transition
	for _, x := range s {
		out = append(out, x.change)
	}
	return out
}

func TestDetectorOpensAndCloses(t *testing.T) {
	cfg := Config{Enter: 0.5, Leave: 0.6, OpenAfter: time.Second, CloseAfter: 2 * time.Second}
	got := feed(NewDetector(cfg), 1, 30, 0.5, dip(10, 15, 0.2))
	if len(got) != 2 || got[0].change != Started || got[1].change != Ended {
		t.Fatalf("got %+v, want one start and one end", got)
	}
	if got[0].when != 11 || got[0].start != 92 {
		t.Errorf("started at %g s with frame %d, want at 11 s with frame 92, the first frame of the first low clip",
			got[0].when, got[0].start)
	}
	// The last low clip is centred at 14.5 s and reaches to 15.2 s; the calm run closes the event at 15 s + 2 s.
	if got[1].when != 17 || got[1].end != 152 {
		t.Errorf("ended at %g s with frame %d, want at 17 s with frame 152", got[1].when, got[1].end)
	}
}

func TestDetectorIgnores(t *testing.T) {
	cfg := Config{Enter: 0.5, Leave: 0.6, OpenAfter: time.Second, CloseAfter: 2 * time.Second}
	for name, regularity := range map[string]func(float64) float64{
		"nothing low":       func(float64) float64 { return 0.9 },
		"just at enter":     func(float64) float64 { return 0.5 },
		"too short a dip":   dip(10, 11, 0.1),
		"dips that recover": func(t float64) float64 { return []float64{0.1, 0.9}[int(math.Round(t*2))%2] },
	} {
		if got := feed(NewDetector(cfg), 1, 30, 0.5, regularity); got != nil {
			t.Errorf("%s: got %+v, want nothing", name, got)
		}
	}
}

func TestDetectorHysteresis(t *testing.T) {
	cfg := Config{Enter: 0.4, Leave: 0.6, CloseAfter: time.Second}
	between := func(t float64) float64 {
		if t < 5 {
			return 0.3
		}
		return 0.5 // neither low enough to open nor high enough to close
	}
	d := NewDetector(cfg)
	if got := changes(feed(d, 1, 60, 0.5, between)); !slices.Equal(got, []Transition{Started}) {
		t.Fatalf("got %v, want a start and no end", got)
	}
	change, ep := d.Close()
	if change != Ended || ep.End.Centre.PTS != time.Minute {
		t.Errorf("Close returned %v with the end at %v, want an end at 1m0s", change, ep.End.Centre.PTS)
	}
	if change, _ := d.Close(); change != None {
		t.Errorf("a second Close returned %v", change)
	}
}

// TestDetectorIsIndependentOfHop checks that the same scene gives the same events at any hop, at most one hop later.
func TestDetectorIsIndependentOfHop(t *testing.T) {
	cfg := DefaultConfig()
	for _, hop := range []float64{0.1, 0.2, 0.4, 0.8} {
		got := feed(NewDetector(cfg), 1, 60, hop, dip(20, 30, 0.1))
		if len(got) != 2 {
			t.Fatalf("hop %g: got %+v, want a start and an end", hop, got)
		}
		if late := got[0].when - 20.5; late < -1e-9 || late > 2*hop {
			t.Errorf("hop %g: started at %g s, want within two hops after 20.5 s", hop, got[0].when)
		}
		if late := got[1].when - 32; late < -1e-9 || late > 2*hop {
			t.Errorf("hop %g: ended at %g s, want within two hops after 32 s", hop, got[1].when)
		}
	}
}

func TestDetectorUpdatesOnNotableRise(t *testing.T) {
	cfg := Config{Enter: 0.5, Leave: 0.6, CloseAfter: time.Minute}
	steps := []float64{0.9, 0.4, 0.39, 0.15, 0.3, 0.14, -0.1}
	got := feed(NewDetector(cfg), 0, 6, 1, func(t float64) float64 { return steps[int(t)] })
	// Errors are 1 - regularity: after 0.6 only 0.85 and 1.1 are more than 1.25 times the last reported peak.
	if want := []Transition{Started, PeakRaised, PeakRaised}; !slices.Equal(changes(got), want) || got[1].when != 3 ||
		got[2].when != 6 {
		t.Errorf("got %+v, want a start and rises at 3 s and 6 s", got)
	}
}

func TestDetectorCoolDownAndMinDuration(t *testing.T) {
	cfg := Config{
		Enter: 0.5, Leave: 0.6, CloseAfter: time.Second, MinDuration: 10 * time.Second,
		CoolDown: 20 * time.Second,
	}
	low := func(t float64) float64 { return math.Min(dip(10, 12, 0.1)(t), dip(30, 50, 0.1)(t)) }
	got := feed(NewDetector(cfg), 1, 80, 0.5, low)
	if want := []Transition{Started, Ended, Started, Ended}; !slices.Equal(changes(got), want) {
		t.Fatalf("got %+v, want two events", got)
	}
	if got[1].when < 10+10 {
		t.Errorf("ended at %g s, before the minimum duration", got[1].when)
	}
	if got[2].when < got[1].when+20 {
		t.Errorf("started again at %g s, within the cool-down after %g s", got[2].when, got[1].when)
	}
	if got[2].start != 292 {
		t.Errorf("the event that outlasted the cool-down starts at frame %d, want its true start 292", got[2].start)
	}
}

func TestDetectorGap(t *testing.T) {
	cfg := Config{Enter: 0.5, Leave: 0.6, OpenAfter: time.Second, CloseAfter: time.Second}
	d := NewDetector(cfg)
	d.Push(at(1, 0.1))
	far := at(600, 0.1)
	far.Gap = true
	if change, _ := d.Push(far); change != None {
		t.Error("two low clips ten minutes apart opened an event")
	}
	if change, ep := d.Push(at(601, 0.1)); change != Started || ep.Start.Centre.PTS != 10*time.Minute {
		t.Errorf("got %v from %v, want a start from 10m0s", change, ep.Start.Centre.PTS)
	}
	d.Push(at(602, 0.9))
	far = at(900, 0.9)
	far.Gap = true
	if change, _ := d.Push(far); change != None {
		t.Error("two calm clips on both sides of a gap closed the event")
	}
}

func TestDetectorCollectsZones(t *testing.T) {
	d := NewDetector(Config{Enter: 0.5, Leave: 0.6})
	first, second, calm := at(1, 0.1), at(2, 0.2), at(3, 0.9)
	first.Zones, second.Zones, calm.Zones = []string{"door"}, []string{"lawn", "door"}, []string{"street"}
	_, started := d.Push(first)
	d.Push(second)
	change, ep := d.Push(calm)
	if change != Ended || !slices.Equal(ep.Zones, []string{"door", "lawn"}) {
		t.Errorf("got %v in %v, want an end in door and lawn", change, ep.Zones)
	}
	if !slices.Equal(started.Zones, []string{"door"}) {
		t.Errorf("the start's zones became %v afterwards", started.Zones)
	}
}

func TestDetectorConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{
		{Enter: 0.6, Leave: 0.6},
		{Enter: 0, Leave: 0.6},
		{Enter: 0.5, Leave: 1.1},
		{Enter: math.NaN(), Leave: 0.6},
		{Enter: 0.5, Leave: 0.6, CoolDown: -1},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v passed", bad)
		}
	}
}

func TestRegularity(t *testing.T) {
	for _, c := range []struct{ e, want float64 }{{1, 1}, {0, 1}, {2, 0.5}, {3, 0}, {9, 0}, {1.5, 0.75}} {
		if got := Regularity(c.e, 1, 2); got != c.want {
			t.Errorf("Regularity(%g, 1, 2) = %g, want %g", c.e, got, c.want)
		}
	}
	if got := Regularity(math.NaN(), 1, 2); !math.IsNaN(got) {
		t.Errorf("an error that is no number has regularity %g", got)
	}
}
