package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"vigil/pipeline/calibrate"
)

func TestPrintCalibration(t *testing.T) {
	places := &calibrate.SensitivityMap{Grid: 2, Divisors: []float64{1, 3, 1, 1}}
	for want, c := range map[string]calibrate.Calibration{
		"theta allows 2 false alarms a week; the one that truly does lies between 3 and 5 (95 %)": {
			Rule: calibrate.RuleBudget, AlarmsPerDay: 2. / 7, Tail: &calibrate.Tail{ThetaLow: 3, ThetaHigh: 5},
		},
		"provisional: for 2 false alarms an hour this is too little video; 180 s are needed": {
			Rule: calibrate.RuleBudget, AlarmsPerDay: 48, Tail: &calibrate.Tail{}, Provisional: true, HoursNeeded: 0.05,
		},
		"provisional: too little video for a number of alarms: three events\n": {
			Rule: calibrate.RuleQuantile, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"each of the 90 clips above the error 2 counts as an event of its own, tail of shape 0.1: theta may be higher": {
			Rule: calibrate.RuleClips, AlarmsPerDay: 1, NoBudgetReason: "three events", Tail: &calibrate.Tail{
				Level: 2, Events: 90,
				Shape: 0.1,
			}, Provisional: true,
		},
		"counts as an event of its own; their tail would put theta higher than\nas far above the highest error": {
			Rule: calibrate.RuleClips, AlarmsPerDay: 1, NoBudgetReason: "three events", Tail: &calibrate.Tail{
				Level: 2, Events: 90,
				Capped: true,
			}, Provisional: true,
		},
		"nobody asked for a number of alarms": {Rule: calibrate.RuleQuantile},
		"25 % of the picture are restless; errors there are divided by up to 3": {
			Rule:        calibrate.RuleQuantile,
			Sensitivity: places,
		},
	} {
		var out bytes.Buffer
		printCalibration(&out, "gate.json", c)
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed\n%s\nwant %q", out.String(), want)
		}
	}
}

// A live camera's calibration has the rate by which the camera is judged when it is watched, not that of the clips
// between its pauses.
func TestRateOfALiveCalibration(t *testing.T) {
	n := normalVideo{steps: 150, time: 10 * time.Second}
	if n.pace(0); n.fps() != 15 {
		t.Errorf("%g frames a second of clips of 15, while nothing else is known", n.fps())
	}
	if n.pace(10); math.Abs(n.fps()-10) > 1e-6 {
		t.Errorf("%g frames a second, the model saw 10", n.fps())
	}
}
