package offline

import (
	"strings"
	"testing"

	"vigil/model"
)

func TestMeasures(t *testing.T) {
	load := func(name string) *model.Model {
		m, err := model.Load("../../weights/" + name + ".safetensors")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	motion, appearance := load("ped2-small"), load("street")
	for _, c := range []struct {
		model         *model.Model
		measure, want string
		second        bool
		err           string
	}{
		{motion, "", model.BlockMotion, true, ""},
		{motion, "motion", model.BlockMotion, false, ""},
		{motion, "appearance", model.BlockSq, false, ""},
		{motion, "both", model.BlockMotion, true, ""},
		{appearance, "", model.BlockSq, false, ""},
		{appearance, "appearance", model.BlockSq, false, ""},
		{appearance, "motion", "", false, "is motion, but the weights street have the measure appearance only"},
		{appearance, "both", "", false, "have the measure appearance only"},
	} {
		o := CalibrateOptions{Measure: c.measure}
		score, second, err := o.measures(c.model)
		if score != c.want || (second != nil) != c.second || (err != nil) != (c.err != "") ||
			err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s, %q: %q, second %v, %v", c.model.Name(), c.measure, score, second != nil, err)
		}
	}
}

// A report that cannot be written is said before the work.
func TestReportIsAFolder(t *testing.T) {
	o := EvaluateOptions{Root: "ped2", Report: "measures_test.go"}
	if err := o.check(""); err == nil || !strings.Contains(err.Error(), "--report: measures_test.go is a file") {
		t.Errorf("error %v", err)
	}
	if o.Report = "no such folder"; o.check("") != nil {
		t.Error("a folder that is missing is made")
	}
}
