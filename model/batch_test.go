package model

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestBatch scores batches with both strategies and expects the bits of a single Scorer.
func TestBatch(t *testing.T) {
	m := noise(t, "tiny")
	single := m.NewScorer(1)
	defer single.Close()
	b := m.NewBatch(3)
	defer b.Close()
	area := m.spec.Side * m.spec.Side
	var clips [][]float32
	ignore := make([][]bool, 3)
	for i := range 3 {
		clip := randomClip(m)
		for n := range clip {
			clip[n] *= float32(i+1) / 3
		}
		clips = append(clips, clip)
	}
	ignore[1] = make([]bool, area)
	ignore[1][area/2] = true
	used := map[int]int{}
	for round := range 3 * retryInterval {
		n := min(1+round%7, 3)
		if n == 3 {
			used[b.strategy(n)]++
		}
		scores, errs := b.Score(clips[:n], ignore[:n])
		for i := range n {
			want, err := single.Score(clips[i], ignore[i])
			if err != nil || errs[i] != nil {
				t.Fatal(err, errs[i])
			}
			if scores[i].Error != want.Error || scores[i].Peak != want.Peak || !slices.Equal(scores[i].Map, want.Map) {
				t.Fatalf("round %d, clip %d: %v in %v, alone %v in %v", round, i, scores[i].Error, scores[i].Peak,
					want.Error, want.Peak)
			}
		}
	}
	// The slower strategy is retried, so both were used.
	if used[0] < 3 || used[1] < 3 {
		t.Errorf("strategies %v: expected both to be tried", used)
	}
	// An invalid clip does not affect the others.
	bad := slices.Clone(clips[1])
	bad[7] = float32(math.NaN())
	for range 2 * warmupBatches {
		scores, errs := b.Score([][]float32{clips[0], bad, clips[2]}, make([][]bool, 3))
		if errs[0] != nil || errs[1] == nil || errs[2] != nil || scores[0].Error == 0 || scores[2].Error == 0 {
			t.Fatalf("errors %v", errs)
		}
	}
	if _, errs := b.Score(make([][]float32, 4), make([][]bool, 4)); len(errs) != 4 || errs[3] == nil {
		t.Errorf("four clips on three threads: %v", errs)
	}
}

// TestBatchChoosesTheFasterStrategy records artificial times.
func TestBatchChoosesTheFasterStrategy(t *testing.T) {
	m := noise(t, "micro")
	b := m.NewBatch(2)
	defer b.Close()
	counts := [2]int{}
	for round := range 30 * retryInterval {
		strategy := b.strategy(2)
		counts[strategy]++
		// After a while the slower strategy becomes the faster one.
		took := [2]float64{1, 2}[strategy]
		if round > 2*retryInterval {
			took = [2]float64{1, 0.1}[strategy]
		}
		b.recordTime(strategy, time.Duration(took*float64(time.Second)))
	}
	if counts[0] < 2*retryInterval-8 || counts[1] < 10*retryInterval {
		t.Errorf("strategies %v: expected the first for a while, then the other", counts)
	}
	large := noise(t, "paper")
	wide := large.NewBatch(2)
	defer wide.Close()
	if wide.MaxBatch() != 1 || wide.strategy(1) != 0 {
		t.Error("a large network is to be scored a clip at a time, on all threads")
	}
}
