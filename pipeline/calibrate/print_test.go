package calibrate

import (
	"bytes"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	sensitivity := &SensitivityMap{Grid: 2, Divisors: []float64{1, 3, 1, 1}}
	for want, c := range map[string]Calibration{
		"theta allows 2 false alarms a week; the true value lies between 3 and 5 (95 %)": {
			Rule: RuleBudget, AlarmsPerDay: 2. / 7, Tail: &Tail{ThetaLow: 3, ThetaHigh: 5},
		},
		"provisional: 2 false alarms an hour takes 180 s of normal video": {
			Rule: RuleBudget, AlarmsPerDay: 48, Tail: &Tail{}, Provisional: true, HoursNeeded: 0.05,
		},
		"the more so the shorter the video\nprovisional: too little": {
			Rule: RuleHighest, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"1 false alarm a day takes about 2.4 hours of video": {
			Rule: RuleQuantile, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"provisional: too little video for a number of alarms: three events;": {
			Rule: RuleQuantile, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"number of alarms: three events; 1 false alarm a day takes about 2.4 hours of video": {
			Rule: RuleClips, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4, Provisional: true,
		},
		"theta allows 14.4 false alarms a day;": {
			Rule: RuleBudget, AlarmsPerDay: 1, AlarmsExpected: 14.4, Tail: &Tail{}, Provisional: true, HoursNeeded: 2.4,
		},
		"no number of alarms is set": {Rule: RuleQuantile},
		"motion: lo 1, theta 2; errors from 0 to 0\ntheta allows 7.2 false alarms a day;": {
			ScoreForm: "block_motion", Lo: 1, Theta: 2, Rule: RuleBudget, AlarmsPerDay: 1, AlarmsExpected: 7.2,
			Tail: &Tail{}, Appearance: &MeasureFit{Lo: 3, Theta: 4, Rule: RuleHighest},
		},
		"appearance: lo 3, theta 4; errors from 0 to 0\ntheta is well above the highest": {
			ScoreForm: "block_motion", Lo: 1, Theta: 2, Rule: RuleBudget, AlarmsPerDay: 1, AlarmsExpected: 7.2,
			Tail: &Tail{}, Appearance: &MeasureFit{Lo: 3, Theta: 4, Rule: RuleHighest},
		},
		"25 % of the picture is noisy in normal video; errors there are divided by up to 3": {
			Rule:        RuleQuantile,
			Sensitivity: sensitivity,
		},
	} {
		var out bytes.Buffer
		c.Print(&out, "gate.json")
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed\n%s\nwant %q", out.String(), want)
		}
	}
}
