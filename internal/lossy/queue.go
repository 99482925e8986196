// Package lossy provides a queue for messages that need not all arrive, and whose sender must not block: where too many
// alike wait, the oldest of them is dropped.
package lossy

import (
	"slices"
	"sync"
)

// Queue holds messages until they are taken. Its methods may be called concurrently.
type Queue[T any] struct {
	alike  func(a, b T) bool
	signal chan struct{} // capacity 1: messages are queued

	mu      sync.Mutex
	waiting []T
}

// New returns an empty queue; alike reports whether two messages count together.
func New[T any](alike func(a, b T) bool) *Queue[T] {
	return &Queue[T]{alike: alike, signal: make(chan struct{}, 1)}
}

// Put adds a message. At most limit alike wait, with this one; then the oldest of them is dropped.
func (q *Queue[T]) Put(m T, limit int) {
	q.mu.Lock()
	first, count := -1, 0
	for i, w := range q.waiting {
		if q.alike(w, m) {
			if count++; first < 0 {
				first = i
			}
		}
	}
	if count >= limit {
		q.waiting = slices.Delete(q.waiting, first, first+1)
	}
	q.waiting = append(q.waiting, m)
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// Ready has a value when messages may be queued.
func (q *Queue[T]) Ready() <-chan struct{} { return q.signal }

// Take returns the queued messages, the oldest first, and empties the queue.
func (q *Queue[T]) Take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}
