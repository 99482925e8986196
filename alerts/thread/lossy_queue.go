package thread

import (
	"slices"
	"sync"

	"vigil/alerts"
)

const (
	// scoreQueue is how many scores may wait; beyond that the oldest is dropped, since newer ones are more useful.
	scoreQueue = 64
	// maxStatusPerCamera is how many changes of state may wait for each camera; beyond that its oldest is dropped, so
	// that the last one published is current.
	maxStatusPerCamera = 8
)

// lossyQueue holds scores and states to publish, which are not stored and must not block their sender. They are sent by
// a goroutine of their own, since the one that stores alerts may wait for free space on the disk.
type lossyQueue struct {
	signal chan struct{} // capacity 1: messages are queued

	mu     sync.Mutex
	scores []alerts.Score
	states []alerts.Status
}

func newLossyQueue() *lossyQueue { return &lossyQueue{signal: make(chan struct{}, 1)} }

func (n *lossyQueue) wake() {
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

func (n *lossyQueue) addScore(s alerts.Score) {
	n.mu.Lock()
	if len(n.scores) == scoreQueue {
		n.scores = slices.Delete(n.scores, 0, 1)
	}
	n.scores = append(n.scores, s)
	n.mu.Unlock()
	n.wake()
}

func (n *lossyQueue) addStatus(s alerts.Status) {
	n.mu.Lock()
	first, waiting := -1, 0
	for i, w := range n.states {
		if w.Camera == s.Camera {
			if waiting++; first < 0 {
				first = i
			}
		}
	}
	if waiting >= maxStatusPerCamera {
		n.states = slices.Delete(n.states, first, first+1)
	}
	n.states = append(n.states, s)
	n.mu.Unlock()
	n.wake()
}

// take returns the queued messages.
func (n *lossyQueue) take() (scores []alerts.Score, states []alerts.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	scores, states = n.scores, n.states
	n.scores, n.states = nil, nil
	return scores, states
}

// sendLossy sends scores and states until done, and then what is queued, since the last state remains valid.
func (p *Queue) sendLossy(done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-p.lossy.signal:
		case <-done:
			over = true
		}
		scores, states := p.lossy.take()
		for _, s := range states {
			p.logUnsent(p.to.PublishStatus(s))
		}
		for _, s := range scores {
			p.logUnsent(p.to.PublishScore(s))
		}
	}
}
