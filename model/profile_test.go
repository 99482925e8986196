package model

import (
	"math"
	"testing"
	"time"

	"vigil/model/kernel"
)

func TestStages(t *testing.T) {
	for _, preset := range Presets {
		m := noise(t, preset.Preset)
		var work float64
		for _, p := range m.Stages() {
			work += p.FLOPs
			if p.Bytes <= 0 || (p.FLOPs <= 0) != (p.Kind == Windows) {
				t.Errorf("%s: %+v", preset.Preset, p)
			}
		}
		if math.Abs(work-m.FLOPs()) > 1 {
			t.Errorf("%s: the parts' work is %v, the model's %v", preset.Preset, work, m.FLOPs())
		}
	}
}

func TestScoreTimed(t *testing.T) {
	m := noise(t, "micro")
	s := m.NewScorer(2)
	defer s.Close()
	x := randomClip(m)
	want, err := s.Score(x, nil)
	if err != nil {
		t.Fatal(err)
	}
	took := make([]time.Duration, len(m.Stages()))
	began := time.Now()
	got, err := s.ScoreTimed(x, took)
	if all := time.Since(began); err != nil || got.Error != want.Error {
		t.Fatalf("%v, %v; without the clock %v", got.Error, err, want.Error)
	} else {
		var sum time.Duration
		for i, d := range took {
			sum += d
			if d < 0 {
				t.Errorf("part %d took %v", i, d)
			}
		}
		if sum > all || sum <= 0 {
			t.Errorf("the parts took %v of %v", sum, all)
		}
	}
	if _, err := s.ScoreTimed(x[1:], took); err == nil {
		t.Error("a clip that is too short was scored")
	}
}

func TestNewWithSet(t *testing.T) {
	w, err := NewWeights(Presets[len(Presets)-1])
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range kernel.Sets() {
		m, err := NewWithSet(w, set)
		if err != nil || m.set != set {
			t.Errorf("%s: %v, %v", set.Name, m, err)
		}
	}
}
