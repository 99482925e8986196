package calibrate

import (
	"slices"
	"testing"
	"time"

	"vigil/pipeline/detect"
)

// TestNormalFilter excludes clips after a gap or a reopening of the source, and counts them.
func TestNormalFilter(t *testing.T) {
	type clip struct {
		at, opening int
		gap         bool
	}
	for _, tt := range []struct {
		name  string
		clips []clip
		want  []int // first frames of the clips that are used
		gaps  []int // of these, those that follow a gap
		left  Excluded
	}{
		{"nothing wrong", []clip{{0, 1, false}, {1, 1, false}, {2, 1, false}}, []int{0, 1, 2}, nil, Excluded{}},
		{"the first is after nothing", []clip{{50, 3, true}, {51, 3, false}}, []int{50, 51}, []int{50}, Excluded{}},
		{
			"a gap",
			[]clip{{0, 1, false}, {5, 1, true}, {6, 1, false}, {7, 1, false}, {8, 1, false}},
			[]int{0, 7, 8},
			[]int{7},
			Excluded{Gaps: 1, AfterGaps: 2},
		},
		{
			"two openings, and a gap after the last",
			[]clip{
				{0, 1, false},
				{5, 2, true},
				{9, 3, true},
				{17, 3, true},
				{18, 3, false},
				{19, 3, false},
				{20, 3, false},
			},
			[]int{0, 19, 20},
			[]int{19},
			Excluded{Gaps: 1, Openings: 2, AfterOpenings: 4},
		},
		{
			"a gap that goes on for longer than the opening before",
			[]clip{{0, 1, false}, {5, 2, true}, {14, 2, true}, {15, 2, false}, {16, 2, false}},
			[]int{0, 16},
			[]int{16},
			Excluded{Gaps: 1, Openings: 1, AfterOpenings: 1, AfterGaps: 2},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s NormalFilter
			var got, gaps []int
			for _, k := range tt.clips {
				c := detect.Clip{
					First: detect.Moment{PTS: time.Duration(k.at) * time.Second}, Generation: k.opening,
					Gap: k.gap,
				}
				if !s.Accept(&c) {
					continue
				}
				got = append(got, k.at)
				if c.Gap {
					gaps = append(gaps, k.at)
				}
			}
			if !slices.Equal(got, tt.want) || !slices.Equal(gaps, tt.gaps) || s.Excluded() != tt.left {
				t.Errorf("count %v, after a gap %v, left out %+v; want %v, %v, %+v", got, gaps, s.Excluded(), tt.want,
					tt.gaps, tt.left)
			}
		})
	}
}

// TestNormalScoresAppend compares Append with adding all clips one after the other.
func TestNormalScoresAppend(t *testing.T) {
	add := func(n *NormalScores, first, last int, gap bool) {
		at := func(s int) detect.Moment { return detect.Moment{PTS: time.Duration(s) * time.Second} }
		n.Add(detect.Clip{
			First: at(first), Centre: at(first), Last: at(last), Gap: gap, Readings: raw(float64(first), nil),
		})
	}
	var whole, a, b, c, sum NormalScores
	for _, n := range []*NormalScores{&whole, &a} {
		add(n, 100, 110, true)
		add(n, 105, 115, false)
		add(n, 200, 210, true)
	}
	whole.NewRecording()
	for _, n := range []*NormalScores{&whole, &b} {
		add(n, 7, 9, false)
	}
	for _, n := range []*NormalScores{&a, &c, &b} {
		sum.Append(n)
	}
	if !slices.Equal(sum.clips, whole.clips) || sum.Seconds() != whole.Seconds() || whole.Seconds() != 27 {
		t.Errorf("%+v of %g s, want %+v of %g s", sum.clips, sum.Seconds(), whole.clips, whole.Seconds())
	}
}
