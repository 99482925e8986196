// Package retry is how this program waits before it tries again: pauses that double up to a limit, and a sleep that
// ends with its context. What is tried, and when it is given up, is the caller's loop.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff gives the pauses between attempts: First, then twice the pause before, Max at most. It belongs to one
// goroutine.
type Backoff struct {
	First time.Duration
	Max   time.Duration // may be changed between two attempts
	// StableAfter is how long an attempt must have worked for its failure to count as the first again, see NextAfter.
	StableAfter time.Duration
	// Jitter takes a random pause between half and all of each, so that many that failed together do not all come
	// back together.
	Jitter bool

	last time.Duration // without jitter; 0 before the first
}

// Next gives the pause before the next attempt.
func (b *Backoff) Next() time.Duration {
	if b.last == 0 {
		b.last = b.First
	} else {
		b.last = min(2*b.last, b.Max)
	}
	if b.Jitter {
		return b.last/2 + rand.N(b.last/2+1)
	}
	return b.last
}

// NextAfter is Next for what worked for a time before it failed, as a connection does.
func (b *Backoff) NextAfter(worked time.Duration) time.Duration {
	if worked >= b.StableAfter {
		b.Reset()
	}
	return b.Next()
}

// Reset makes the next pause the first again.
func (b *Backoff) Reset() { b.last = 0 }

// Wait sleeps for the next pause. It is false where ctx ended first.
func (b *Backoff) Wait(ctx context.Context) bool { return Sleep(ctx, b.Next()) }

// Sleep waits for d. It is false where ctx ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
