package train

import (
	"strings"
	"testing"
)

func TestWarning(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Result
		want string
	}{
		{"good", Result{Steps: 4254, Clips: 1418, Seen: 8508, Best: &Validation{AUC: 0.935}}, ""},
		{"good before all was seen", Result{Steps: 700, Clips: 1418, Seen: 1400, Best: &Validation{AUC: 0.79}}, ""},
		{
			"too short",
			Result{Steps: 379, Clips: 1418, Seen: 758, Best: &Validation{AUC: 0.359}},
			"379 steps are too few: held-out clips",
		},
		{
			"long and in vain",
			Result{Steps: 9000, Clips: 1418, Seen: 18000, Best: &Validation{AUC: 0.5}},
			"AUC 0.5, need at least 0.75",
		},
		{"nothing held out", Result{Steps: 10, Clips: 100, Seen: 40}, "saw 40 % of the clips"},
		{"nothing held out, all seen", Result{Steps: 25, Clips: 100, Seen: 100}, ""},
		{"one epoch", Result{Steps: 26, Clips: 105, Seen: 104}, ""},
		{
			"a recipe without anomalies",
			Result{Steps: 10, Clips: 100, Seen: 40, Best: &Validation{}},
			"saw 40 % of the clips",
		},
	} {
		if got := c.r.Warning(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
