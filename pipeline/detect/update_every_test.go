package detect

import (
	"testing"
	"time"
)

// TestUpdateEvery checks that rises are limited in stream time, so that a replay gives the same
// events. Those in between are returned as PeakRising, since by the next update or the end their pictures may have left
// the buffer.
func TestUpdateEvery(t *testing.T) {
	for every, want := range map[time.Duration]string{
		0: "start 1s 2s 3s 4s 5s 6s 7s 8s 9s", 4 * time.Second: "start 1s (2s) (3s) (4s) 5s (6s) (7s) (8s) 9s",
	} {
		cfg := Config{Enter: 0.5, Leave: 0.6, CloseAfter: time.Second, UpdateEvery: every}
		d := NewDetector(cfg)
		got := ""
		for i := range 10 {
			at := time.Duration(i) * time.Second
			e := 1.0
			for range min(i, 9) {
				e *= 1.5
			}
			m := Moment{Frame: uint64(i), PTS: at}
			switch change,
				ep := d.Push(Clip{
				First: m, Centre: m, Last: m, ScoredFrom: m, ScoredCentre: m, Error: e, Excess: e,
				Regularity: 0,
			}); change {
			case Started:
				got += "start"
			case PeakRaised, PeakRising:
				text := at.String()
				if change == PeakRising {
					text = "(" + text + ")"
				}
				got += " " + text
				if ep.Peak.Error != e {
					t.Errorf("the peak at %v is %v, want %v", at, ep.Peak.Error, e)
				}
			}
		}
		if got != want {
			t.Errorf("every %v: %s, want %s", every, got, want)
		}
	}
}
