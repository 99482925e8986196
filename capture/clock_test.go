package capture

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Implausible timestamps are replaced in a live source and are a cut in a recording. An input is "reported", or
// "reported@arrival" if the frame does not arrive one step after the previous one. An output is the returned time,
// followed by ! for a cut. All are in milliseconds; the usual step is 40.
func TestClockLeaps(t *testing.T) {
	const wrap33, wrap32 = 95443718, 47721859
	tests := []struct {
		name      string
		live      bool
		raw, came []int
		want      string
	}{
		{"one picture far ahead", true, []int{0, 40, 37600080, 120, 160}, nil, "[0 40 80 120 160]"},
		{"one picture far ahead, file", false, []int{0, 40, 37600080, 120, 160}, nil, "[0 40 80! 120 160]"},
		{"again and again", true, []int{0, 40, 37600080, 120, 160, 37600200, 240}, nil, "[0 40 80 120 160 200 240]"},
		{
			"again and again, file", false,
			[]int{0, 40, 37600080, 120, 160, 37600200, 240},
			nil,
			"[0 40 80! 120 160 200! 240]",
		},
		{"a clock that is set", true, []int{0, 40, 37600080, 37600120, 37600160}, nil, "[0 40 80 120! 160]"},
		{"a clock that is set, file", false, []int{0, 40, 37600080, 37600120, 37600160}, nil, "[0 40 80! 120 160]"},
		{"set back", true, []int{100000, 100040, 1000, 1040}, nil, "[0 40 80! 120]"},
		{"set back, file", false, []int{100000, 100040, 1000, 1040}, nil, "[0 40 -99000 -98960]"},
		{"the first one far ahead", true, []int{90000000, 0, 40, 80}, nil, "[0 40 80 120]"},
		{"the first one untimed", true, []int{0, 90000000, 90000040}, nil, "[0 40 80]"},
		{"the first one untimed, file", false, []int{0, 90000000, 90000040}, nil, "[0 40 80]"},
		{
			"lost pictures, as late as their time", true,
			[]int{0, 40, 30040, 30080},
			[]int{0, 40, 30040, 30080},
			"[0 40 30040 30080]",
		},
		{
			"a stall, then all that was held up", true,
			[]int{0, 40, 80, 120, 5080},
			[]int{0, 40, 6000, 6001, 6002},
			"[0 40 80 120 5080]",
		},
		{
			"a leap while pictures are lost", true,
			[]int{0, 40, 99000040, 99000080},
			[]int{0, 40, 8040, 8080},
			"[0 40 8040 8080!]",
		},
		{"a hole in a recording", false, []int{0, 40, 120040, 120080}, nil, "[0 40 120040 120080]"},
		{
			"a recording as fast as it comes", true,
			[]int{0, 40, 80, 60080, 60120},
			[]int{0, 1, 2, 3, 4},
			"[0 40 80 60080 60120]",
		},
		{"33 bits begin again", true, []int{wrap33 - 80, wrap33 - 40, 0, 40}, nil, "[0 40 80 120]"},
		{"33 bits begin again, file", false, []int{wrap33 - 80, wrap33 - 40, 0, 40}, nil, "[0 40 80 120]"},
		{"32 bits begin again", true, []int{wrap32 - 80, wrap32 - 40, 0, 40}, nil, "[0 40 80 120]"},
		{
			"32 bits of milliseconds begin again, with a hole", false,
			[]int{1<<32 - 80, 1<<32 - 40, 1000, 1040},
			nil,
			"[0 40 1080 1120]",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			c := ptsClock{live: tt.live, step: 40 * time.Millisecond, began: began}
			var got []string
			for i, raw := range tt.raw {
				came := 40 * i
				if tt.came != nil {
					came = tt.came[i]
				}
				pts, cut := c.at(time.Duration(raw)*time.Millisecond, began.Add(time.Duration(came)*time.Millisecond))
				text := fmt.Sprint(pts.Round(time.Millisecond).Milliseconds())
				if cut {
					text += "!"
				}
				got = append(got, text)
			}
			if text := fmt.Sprint(got); text != tt.want {
				t.Errorf("%v, want %v", text, tt.want)
			}
		})
	}
}

// Hours of a camera whose clock runs slow or fast, with jitter and pauses, do not count as a leap.
func TestClockDrift(t *testing.T) {
	for _, drift := range []float64{-300e-6, 300e-6} {
		began := time.Now()
		c := ptsClock{live: true, step: 40 * time.Millisecond, began: began}
		for i := range 25 * 3600 * 6 {
			pts := time.Duration(i) * 40 * time.Millisecond
			came := time.Duration(float64(pts)*(1+drift)) + time.Duration(i*7919%500)*time.Millisecond
			if i%100000 > 99900 {
				came += 4 * time.Second
			}
			if got, cut := c.at(pts, began.Add(came)); got != pts || cut {
				t.Fatalf("drift %g: picture %d is at %v, want %v (cut: %v)", drift, i, got, pts, cut)
			}
		}
		if c.leaps != 0 || c.note() != "" {
			t.Errorf("drift %g: %d leaps", drift, c.leaps)
		}
	}
}

func TestNotes(t *testing.T) {
	var n notes
	for i := range 100 {
		n.add("")
		n.add("one")
		n.add(fmt.Sprint(i % 50))
	}
	if got := n.take(); len(got) != maxNotes || got[0] != "one" || !slices.Equal(got[1:3], []string{"0", "1"}) {
		t.Errorf("%d notes: %v", len(got), got)
	}
	if got := n.take(); got != nil {
		t.Errorf("again: %v", got)
	}
}
