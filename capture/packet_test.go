package capture

import (
	"testing"
	"time"
)

// Packet times start at 0 and never go back. They follow the camera's timestamps where those are plausible, else
// advance by the usual step.
func TestPacketClock(t *testing.T) {
	const none = -1
	tests := map[string]struct {
		raw  []int // milliseconds
		want []int
	}{
		"as they are":          {[]int{1000, 1040, 1080, 1120}, []int{0, 40, 80, 120}},
		"the first has none":   {[]int{none, 0, 40, 80}, []int{0, 40, 80, 120}},
		"one has none":         {[]int{0, 40, none, 120}, []int{0, 40, 80, 120}},
		"none has one":         {[]int{none, none, none, none}, []int{0, 40, 140, 240}},
		"an hour ahead":        {[]int{0, 40, 3600080, 3600120}, []int{0, 40, 80, 120}},
		"back":                 {[]int{5000, 5040, 0, 40}, []int{0, 40, 80, 120}},
		"twice the same":       {[]int{0, 40, 40, 80}, []int{0, 40, 80, 120}},
		"a picture is missing": {[]int{0, 40, 120, 160}, []int{0, 40, 120, 160}},
	}
	for name, tt := range tests {
		began := time.Now()
		c := packetClock{ptsClock: ptsClock{live: true, began: began, step: 40 * time.Millisecond}}
		for i, ms := range tt.raw {
			p := Packet{Arrival: began.Add(time.Duration(i) * 100 * time.Millisecond)}
			r := rawTimes{}
			if ms != none {
				raw := time.Duration(ms) * time.Millisecond
				r = rawTimes{pts: raw + 10*time.Millisecond, dts: raw, hasPTS: true, hasDTS: true}
			}
			c.set(&p, r)
			want := time.Duration(tt.want[i]) * time.Millisecond
			shown := want
			if ms != none {
				shown += 10 * time.Millisecond
			}
			if p.DTS != want || p.PTS != shown {
				t.Errorf("%s: packet %d is decoded at %v and shown at %v, want %v and %v", name, i, p.DTS, p.PTS,
					want, shown)
			}
		}
	}
}
