package cameratest

import (
	"path/filepath"
	"testing"

	"vigil/model"
)

// ZeroModel returns a MemAE whose weights are all zero: it reconstructs every clip as mid-grey, so the error of a
// picture is its distance from mid-grey, and each score is known beforehand. It scores the last frames of a clip; 0
// for all.
func ZeroModel(t testing.TB, last int) *model.Model {
	t.Helper()
	m, err := model.New(zeroWeights(t, 16, last))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ZeroWeights writes a file with the weights of ZeroModel and returns its path.
func ZeroWeights(t testing.TB) string { return ZeroWeightsOf(t, 16) }

// ZeroWeightsOf is ZeroWeights for pictures of another side.
func ZeroWeightsOf(t testing.TB, side int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zero.safetensors")
	if err := zeroWeights(t, side, 0).Write(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func zeroWeights(t testing.TB, side, last int) *model.Weights {
	t.Helper()
	spec, err := model.FindPreset("micro")
	if err != nil {
		t.Fatal(err)
	}
	spec.Side, spec.Last = side, last
	w, err := model.NewWeights(spec)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
