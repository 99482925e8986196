package config

import (
	"math"
	"testing"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]float64{"2/day": 2, "1/week": 1. / 7, "0.5/hour": 12} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || math.Abs(r.PerDay()-want) > 1e-12 || r.String() != text {
			t.Errorf("%q: %v a day, %v", text, r.PerDay(), err)
		}
	}
	for _, text := range []string{
		"", "2", "/day", "2/month", "0/day", "-1/day", "NaN/day", "1001/hour", "2 /day",
		"2/day/day",
	} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, r)
		}
	}
	if r := (Rate{}); r.PerDay() != 0 || r.String() != "" {
		t.Errorf("no rate is %v", r)
	}
}
