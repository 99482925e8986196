// Package broadcast wakes goroutines that wait for a condition, such as an empty queue, when what it depends on has
// changed. Unlike with sync.Cond, a wait ends with its context.
package broadcast

import (
	"context"
	"sync"
)

// Signal wakes all waiters at once. The zero value is ready; its methods may be called concurrently.
type Signal struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next Notify; nil without waiters
}

// Notify makes the waiters check their condition again. It does not block.
func (s *Signal) Notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil {
		close(s.next)
		s.next = nil
	}
}

// Until waits until a condition holds, which is checked at first and after each Notify. It returns false if ctx ended
// first. Code that changes the condition calls Notify afterwards.
func (s *Signal) Until(ctx context.Context, holds func() bool) bool {
	for {
		changed := s.wait() // before the check, so that no change after it is missed
		if holds() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

func (s *Signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}
