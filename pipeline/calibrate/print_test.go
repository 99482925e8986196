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
		"provisional: for 2 false alarms an hour this is too little video; 180 s are needed": {
			Rule: RuleBudget, AlarmsPerDay: 48, Tail: &Tail{}, Provisional: true, HoursNeeded: 0.05,
		},
		"1 false alarm a day takes about 2.4 hours of video": {
			Rule: RuleQuantile, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"provisional: too little video for a number of alarms: three events\n": {
			Rule: RuleQuantile, AlarmsPerDay: 1, NoBudgetReason: "three events", HoursNeeded: 2.4,
		},
		"each of the 90 clips above the error 2 counts as an event, tail of shape 0.1: " +
			"theta may be higher": {
			Rule: RuleClips, AlarmsPerDay: 1, NoBudgetReason: "three events", Tail: &Tail{
				Level: 2, Events: 90,
				Shape: 0.1,
			}, Provisional: true,
		},
		"counts as an event; with so few, theta is as far above\nthe highest error": {
			Rule: RuleClips, AlarmsPerDay: 1, NoBudgetReason: "three events", Tail: &Tail{
				Level: 2, Events: 90,
				Capped: true,
			}, Provisional: true,
		},
		"no number of alarms is set": {Rule: RuleQuantile},
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
