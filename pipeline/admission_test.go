package pipeline

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		name   string
		d      demand
		want   int
		advice string
	}{
		{
			"all fit",
			demand{cameras: 10, decoding: 0.02, scoring: 0.05, machine: 2},
			10,
			"28 such cameras, or a hop of 3 for these (key hop), or fewer frames a second (key fps)",
		},
		{
			"the model is too slow, decoding leaves it its share: clips are skipped",
			demand{cameras: 30, decoding: 0.02, scoring: 0.1, machine: 2},
			30,
			"16 such cameras, or a hop of 5 for these (key hop), or fewer frames a second (key fps)",
		},
		{
			"decoding leaves the model too little",
			demand{cameras: 64, decoding: 0.02, scoring: 0.05, machine: 2},
			30,
			"28 such cameras, or a hop of 9 for these (key hop), or fewer frames a second (key fps)",
		},
		{
			"decoding alone is too much",
			demand{cameras: 128, decoding: 0.02, scoring: 0.05, machine: 2},
			30,
			"28 such cameras",
		},
		{"decoding alone is too much, the model is nothing", demand{
			cameras: 128, decoding: 0.02, scoring: 0.001,
			machine: 2,
		}, 95, "95 such cameras"},
		{
			"pausing costs something too",
			demand{cameras: 128, decoding: 0.02, scoring: 0.05, discarding: 0.002, machine: 2},
			25, "28 such cameras",
		},
		{"one camera is too much", demand{cameras: 3, decoding: 3, scoring: 1, machine: 2}, 1, "1 such cameras"},
		{
			"nothing was scored",
			demand{cameras: 64, decoding: 0.02, scoring: math.Inf(1), machine: 2},
			30,
			"1 such cameras",
		},
		{
			"nothing is known of a camera's cost",
			demand{cameras: 64, machine: 2},
			64,
			"fewer cameras, a larger hop (key hop) or fewer frames a second (key fps)",
		},
		{
			"no processor time is left over, or counters run back",
			demand{cameras: 64, decoding: 0.02, machine: -1},
			64,
			"fewer cameras, a larger hop (key hop) or fewer frames a second (key fps)",
		},
		{
			"nothing is known",
			demand{cameras: 64},
			64,
			"fewer cameras, a larger hop (key hop) or fewer frames a second (key fps)",
		},
	} {
		if got := c.d.admit(); got != c.want {
			t.Errorf("%s: %d cameras at a time, want %d", c.name, got, c.want)
		}
		if got := c.d.advice(2); got != c.advice {
			t.Errorf("%s: %q would fit, want %q", c.name, got, c.advice)
		}
	}
}

// TestDemandWithoutClips has cameras without a clip in ten seconds, as with a large hop, which leaves the cost of a
// clip unknown: that must not lead to an invalid number of cameras.
func TestDemandWithoutClips(t *testing.T) {
	source := new(meteredSource)
	at := time.Unix(0, 0)
	a := load{
		at: at, machine: machineTime{cores: 2, ok: true},
		cameras: []cameraLoad{{source: source}, {source: source}},
	}
	for _, c := range []struct {
		name          string
		clips, scored uint64
		own           time.Duration
	}{
		{"no clips, and nothing was done", 0, 0, 0},
		{"no clips", 0, 0, time.Second},
		{"none of the clips was scored", 4, 0, time.Second},
		{"clips of a camera that has gone are scored", 0, 4, time.Second},
	} {
		b := load{
			at: at.Add(turnTime), machine: machineTime{own: c.own, cores: 2, ok: true},
			cameras: []cameraLoad{
				{source: source, cpu: 6 * time.Second, clips: c.clips, scored: c.scored},
				{source: source, cpu: 6 * time.Second, clips: c.clips},
			},
		}
		d := demandOf(a, b)
		if got := d.admit(); got < 1 || got > 2 || math.IsNaN(d.scoring) {
			t.Errorf("%s: %d cameras at a time of %+v", c.name, got, d)
		}
		if s := d.advice(2); strings.Contains(s, "-") {
			t.Errorf("%s: %s", c.name, s)
		}
	}
}

func TestNextTurn(t *testing.T) {
	for _, c := range []struct {
		scored []float64
		n      int
		want   []bool
	}{
		{nil, 3, []bool{}},
		{[]float64{5, 1, 3}, 3, []bool{false, false, false}},
		{[]float64{5, 1, 3}, 2, []bool{true, false, false}},
		{[]float64{2, 2, 2, 2}, 1, []bool{false, true, true, true}},
	} {
		if got := nextTurn(c.scored, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%v, %d at a time: paused %v, want %v", c.scored, c.n, got, c.want)
		}
	}
}

// TestTurnsAreFair checks that every camera gets its share over many turns, including one that joins later, one that
// needs half of its turn to resume, and one that gives no clips.
func TestTurnsAreFair(t *testing.T) {
	const cameras, n, turns, late, slow, dead = 40, 13, 120, 7, 8, 9
	scored, got, paused := make([]float64, cameras), make([]float64, cameras), make([]bool, cameras)
	for i := range scored {
		scored[i] = math.NaN()
	}
	often := 0 // turns in which the dead one was read
	for turn := range turns {
		open := make([]int, 0, cameras)
		for i := range cameras {
			if i != late || turn >= turns/2 {
				open = append(open, i)
			}
		}
		before, scores := make([]float64, len(open)), make([]turnScore, len(open))
		for k, i := range open {
			before[k] = scored[i]
			if paused[i] {
				continue
			}
			clips := 100.0
			switch i {
			case slow:
				clips = 50
			case dead:
				clips = 0
				often++
			}
			got[i] += clips
			scores[k] = turnScore{clips, true}
		}
		credit(before, scores)
		for k, p := range nextTurn(before, n) {
			scored[open[k]], paused[open[k]] = before[k], p
		}
	}
	sum := 0.0
	for i, g := range got {
		if i != late && i != dead {
			sum += g
		}
	}
	mean := sum / (cameras - 2)
	for i, g := range got {
		switch i {
		case dead:
			if often > turns {
				t.Errorf("the camera without clips was read %d times", often)
			}
		case late:
			if g < 0.3*mean || g > 0.8*mean {
				t.Errorf("the camera that came late had %g clips, the mean is %g", g, mean)
			}
		default:
			if g < 0.75*mean || g > 1.25*mean {
				t.Errorf("camera %d had %g clips, the mean is %g", i, g, mean)
			}
		}
	}
	if often == turns {
		t.Error("the camera without clips was read all the time")
	}
}
