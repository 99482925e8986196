package model

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// Weights without a place score with a camera's background as weights that have it score by themselves, also in a
// batch of several cameras, and not at all without one.
func TestPlacelessWeightsTakeTheCamerasBackground(t *testing.T) {
	spec, err := FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Score, spec.Last = BlockMotion, 4
	r := rand.New(rand.NewPCG(1, 2))
	w, err := NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range w.Tensors {
		for i := range tensor.Float {
			tensor.Float[i] = 0.1 + 0.2*r.Float32()
		}
	}
	area := spec.Side * spec.Side
	backgrounds := [][]float32{make([]float32, area), make([]float32, area)}
	clips := [][]float32{make([]float32, Frames*area), make([]float32, Frames*area)}
	for k := range 2 {
		for i := range backgrounds[k] {
			backgrounds[k][i] = 2*r.Float32() - 1
		}
		for i := range clips[k] {
			clips[k][i] = 2*r.Float32() - 1
		}
	}
	var want [2]float64
	for k := range 2 {
		copy(w.Tensors[Background].Float, backgrounds[k])
		want[k] = scoreOf(t, w, clips[k], nil)
	}
	own := scoreOf(t, w, clips[0], backgrounds[0])
	if own != want[0] {
		t.Errorf("weights with a place score %g on another background, want %g", own, want[0])
	}
	if want[0] == scoreOf(t, w, clips[0], nil) {
		t.Fatal("the background makes no difference")
	}

	delete(w.Tensors, Background)
	if err := w.Check(); err == nil {
		t.Error("weights that should have a background need none")
	}
	w.Placeless = true
	path := filepath.Join(t.TempDir(), "base.safetensors")
	if err := w.Write(path); err != nil {
		t.Fatal(err)
	}
	m, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !m.NeedsBackground() {
		t.Error("the file does not say that the weights know no place")
	}
	b := m.NewBatch(2)
	defer b.Close()
	for range warmupBatches {
		scores, errs := b.ScoreOn(clips, make([][]bool, 2), backgrounds)
		for k := range 2 {
			if errs[k] != nil || scores[k].Error != want[k] {
				t.Errorf("camera %d scores %g, %v, want %g", k, scores[k].Error, errs[k], want[k])
			}
		}
	}
	if _, errs := b.Score(clips, make([][]bool, 2)); !errors.Is(errs[0], ErrNoBackground) {
		t.Errorf("without a background: %v", errs[0])
	}
	if _, errs := b.ScoreOn(clips, make([][]bool, 2), [][]float32{nil, make([]float32, 3)}); errs[1] == nil {
		t.Error("a background of another size is taken")
	}
}

func scoreOf(t *testing.T, w *Weights, clip, background []float32) float64 {
	t.Helper()
	m, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewScorer(1)
	defer s.Close()
	score, err := s.ScoreOn(clip, nil, background)
	if err != nil {
		t.Fatal(err)
	}
	return score.Error
}
