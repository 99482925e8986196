// Package lossy provides a queue for messages whose sender must not block and of which some may be lost: if too many of
// one kind wait, the oldest of them is dropped.
package lossy

import (
	"slices"
	"sync"
)

// Queue holds messages until they are taken. Its methods may be called concurrently.
type Queue[T any] struct {
	sameKind func(a, b T) bool
	signal   chan struct{} // capacity 1: messages are queued

	mu      sync.Mutex
	waiting []T
}

// New returns an empty queue; sameKind reports whether two messages are of one kind.
func New[T any](sameKind func(a, b T) bool) *Queue[T] {
	return &Queue[T]{sameKind: sameKind, signal: make(chan struct{}, 1)}
}

// Put adds a message. If more than limit messages of its kind would wait, the oldest of them is dropped.
func (q *Queue[T]) Put(m T, limit int) (dropped bool) {
	q.mu.Lock()
	first, count := -1, 0
	for i, w := range q.waiting {
		if q.sameKind(w, m) {
			if count++; first < 0 {
				first = i
			}
		}
	}
	dropped = count >= limit
	if dropped {
		q.waiting = slices.Delete(q.waiting, first, first+1)
	}
	q.waiting = append(q.waiting, m)
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
	return dropped
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
