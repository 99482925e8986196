package roc

import (
	"math/rand/v2"
	"testing"
)

// TestWins compares random scores with many ties with the definition, pair by pair.
func TestWins(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		draw := func(n int) []float64 {
			values := make([]float64, n)
			for i := range values {
				values[i] = float64(r.IntN(6))
			}
			return values
		}
		positives, negatives := draw(r.IntN(9)), draw(r.IntN(9))
		var want float64
		for _, p := range positives {
			for _, n := range negatives {
				switch {
				case p > n:
					want++
				case p == n:
					want += 0.5
				}
			}
		}
		if got := Wins(Counts(positives, negatives)); got != want {
			t.Fatalf("%v against %v: %v, want %v", positives, negatives, got, want)
		}
	}
}
