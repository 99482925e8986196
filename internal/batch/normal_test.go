package batch

import (
	"math"
	"strings"
	"testing"
	"time"

	"vigil/pipeline/detect"
)

// A live camera's calibration has the rate by which the camera is checked later, not that of the clips between its
// pauses.
func TestRateOfALiveCalibration(t *testing.T) {
	n := normalVideo{steps: 150, time: 10 * time.Second}
	if n.pace(0); n.fps() != 15 {
		t.Errorf("%g frames a second of clips of 15, while nothing else is known", n.fps())
	}
	if n.pace(10); math.Abs(n.fps()-10) > 1e-6 {
		t.Errorf("%g frames a second, the model saw 10", n.fps())
	}
}

// Changes of a live camera's rate are detected over minutes, not clips.
func TestRateSpan(t *testing.T) {
	type part struct {
		minutes, fps float64
	}
	tests := []struct {
		name  string
		parts []part
		want  string
	}{
		{"one rate", []part{{10, 10}}, ""},
		{"within a quarter", []part{{10, 10}, {5, 12}, {5, 9}}, ""},
		{"day and night", []part{{10, 25}, {10, 12}}, "from 12 to 25 a second, and the calibration is for 18.5"},
		{"a few seconds", []part{{10, 10}, {0.1, 20}, {10, 10}}, ""},
		{"too short to say", []part{{0.2, 25}, {0.2, 12}}, ""},
	}
	for _, tt := range tests {
		var n normalVideo
		var at time.Duration
		for _, p := range tt.parts {
			took := time.Duration(15 / p.fps * float64(time.Second))
			for end := at + time.Duration(p.minutes*float64(time.Minute)); at < end; at += took {
				n.add(detect.Clip{
					Width: 64, Height: 48, FPS: p.fps, First: detect.Moment{PTS: at},
					Last: detect.Moment{PTS: at + took},
				})
			}
		}
		if got := n.span.warning(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
