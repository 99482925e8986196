package thread

import (
	"slices"
	"sync"

	"vigil/alerts"
)

const (
	// scoreQueue is how many scores may wait; beyond that the oldest is dropped, since a newer one is worth more.
	scoreQueue = 64
	// maxStatusPerCamera is how many changes of state may wait for each camera; beyond that its oldest is dropped, so
	// that what is published last is the state that it is in.
	maxStatusPerCamera = 8
)

// lossyQueue are scores and states on their way out: what nobody keeps, and what nobody may wait for. The goroutine
// that sends them is not the one that stores alerts, which may wait for room on the disk.
type lossyQueue struct {
	signal chan struct{} // 1: something waits

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

// take gives what waits.
func (n *lossyQueue) take() (scores []alerts.Score, states []alerts.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	scores, states = n.scores, n.states
	n.scores, n.states = nil, nil
	return scores, states
}

// sendLossy sends scores and states until done, and then what still waits: the last state is the one that stays true.
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
