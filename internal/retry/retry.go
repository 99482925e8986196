// Package retry provides pauses between attempts that double up to a limit, and a sleep that ends with its context. The
// loop itself, and when to give up, is the caller's.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff returns the pauses between attempts: First, then twice the previous pause, at most Max. It is used by one
// goroutine.
type Backoff struct {
	First time.Duration
	Max   time.Duration // may be changed between two attempts
	// StableAfter is how long an attempt must have worked for its failure to count as the first again, see NextAfter.
	StableAfter time.Duration
	// Jitter makes each pause random between half and all of it, so that many clients that failed together do not
	// reconnect together.
	Jitter bool

	last time.Duration // without jitter; 0 before the first
}

// Next returns the pause before the next attempt.
func (b *Backoff) Next() time.Duration {
	if b.last == 0 {
		b.last = min(b.First, b.Max)
	} else {
		b.last = min(2*b.last, b.Max)
	}
	if b.Jitter {
		return b.last/2 + rand.N(b.last/2+1)
	}
	return b.last
}

// NextAfter is Next for something that worked for a time before it failed, such as a connection.
func (b *Backoff) NextAfter(worked time.Duration) time.Duration {
	if worked >= b.StableAfter {
		b.Reset()
	}
	return b.Next()
}

// Reset makes the next pause the first again.
func (b *Backoff) Reset() { b.last = 0 }

// Wait sleeps for the next pause. It returns false if ctx ended first.
func (b *Backoff) Wait(ctx context.Context) bool { return Sleep(ctx, b.Next()) }

// Sleep waits for d. It returns false if ctx ended first.
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
