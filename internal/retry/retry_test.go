package retry

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func pauses(b *Backoff, n int) (all []time.Duration) {
	for range n {
		all = append(all, b.Next())
	}
	return all
}

func TestPausesDoubleUpToTheLimit(t *testing.T) {
	b := Backoff{First: time.Second, Max: 5 * time.Second}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}
	if got := pauses(&b, 5); !slices.Equal(got, want) {
		t.Errorf("pauses are %v, not %v", got, want)
	}
	b.Max = time.Minute
	if got := b.Next(); got != 10*time.Second {
		t.Errorf("with a higher limit the next pause is %v", got)
	}
	b.Reset()
	if got := b.Next(); got != time.Second {
		t.Errorf("after Reset the pause is %v", got)
	}
}

func TestFirstPauseIsWithinTheLimitToo(t *testing.T) {
	b := Backoff{First: time.Minute, Max: time.Second}
	if got, want := pauses(&b, 2), []time.Duration{time.Second, time.Second}; !slices.Equal(got, want) {
		t.Errorf("pauses are %v, not %v", got, want)
	}
}

func TestNextAfterStableAttempt(t *testing.T) {
	b := Backoff{First: time.Second, Max: time.Minute, StableAfter: time.Minute}
	pauses(&b, 3)
	if got := b.NextAfter(59 * time.Second); got != 8*time.Second {
		t.Errorf("after a short time the pause is %v", got)
	}
	if got := b.NextAfter(time.Minute); got != time.Second {
		t.Errorf("after a long time the pause is %v", got)
	}
}

func TestJitterIsBetweenHalfAndAll(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		b := Backoff{First: time.Second, Max: 2 * time.Second, Jitter: true}
		for i, got := range pauses(&b, 3) {
			if most := []time.Duration{time.Second, 2 * time.Second, 2 * time.Second}[i]; got < most/2 || got > most {
				t.Fatalf("pause %d is %v", i, got)
			}
			seen[got] = true
		}
	}
	if len(seen) < 100 {
		t.Errorf("300 pauses have %d lengths", len(seen))
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := Backoff{First: time.Minute, Max: time.Hour}
		start := time.Now()
		if !b.Wait(t.Context()) || time.Since(start) != time.Minute {
			t.Errorf("waited %v", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if b.Wait(ctx) || time.Since(start) != time.Second {
			t.Errorf("with a context that ends: waited %v", time.Since(start))
		}
	})
}
