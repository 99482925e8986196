package alerts

import "sync/atomic"

// Unsent counts scores and states that were not sent: too many waited, or there was no connection.
type Unsent struct{ Scores, States uint64 }

// Add returns the sum of both.
func (u Unsent) Add(o Unsent) Unsent { return Unsent{u.Scores + o.Scores, u.States + o.States} }

// UnsentCounter counts concurrently.
type UnsentCounter struct{ Scores, States atomic.Uint64 }

// Load returns the counts so far.
func (c *UnsentCounter) Load() Unsent { return Unsent{c.Scores.Load(), c.States.Load()} }
