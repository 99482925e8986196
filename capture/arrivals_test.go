package capture

import (
	"slices"
	"testing"
	"time"
)

// Each case gives the arrival steps and the bounds on the derived times, in milliseconds.
func TestArrivals(t *testing.T) {
	every := func(n, step int) []int { return slices.Repeat([]int{step}, n) }
	tests := []struct {
		name     string
		steps    []int // between arrivals
		off      int   // maximum distance of the last time from its arrival
		longest  int   // maximum step once eight steps are known; 0 for no limit
		shortest int   // minimum step once eight steps are known
	}{
		{"even", every(100, 100), 1, 101, 99},
		{"slow", every(20, 3000), 1, 0, 2999},
		{"trembling", slices.Repeat([]int{20, 180, 60, 140, 230, 0, 70}, 20), 150, 160, 50},
		{"in bursts of five", slices.Repeat([]int{500, 0, 0, 0, 0}, 20), 450, 190, 20},
		{"slower from now on", slices.Concat(every(50, 40), every(200, 80)), 60, 95, 39},
		{"a pause", slices.Concat(every(50, 100), []int{20000}, every(50, 100)), 1, 20000, 99},
		{"a pause, then all that was held up", slices.Concat(every(50, 100), []int{5000}, every(49, 0),
			every(300, 100)), 300, 5000, 0},
		{"two at once at the start", slices.Concat(every(1, 0), every(100, 100)), 100, 150, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a arrivals
			began := time.Now()
			came := began
			last := a.at(began)
			if last != 0 {
				t.Errorf("the first picture is at %v", last)
			}
			const known = 8
			for i, step := range tt.steps {
				came = came.Add(time.Duration(step) * time.Millisecond)
				now := a.at(came)
				if got := now - last; got <= 0 || i >= known && (got < time.Duration(tt.shortest)*time.Millisecond ||
					tt.longest > 0 && got > time.Duration(tt.longest)*time.Millisecond) {
					t.Errorf("step %d is %v", i, got)
				}
				last = now
			}
			if off := (last - came.Sub(began)).Abs(); off > time.Duration(tt.off)*time.Millisecond {
				t.Errorf("the last picture is at %v and came after %v", last, came.Sub(began))
			}
		})
	}
}
