package pipeline

import (
	"slices"
	"sync"

	"vigil/alerts"
)

const (
	// scoreQueue is how many scores may wait; beyond that the oldest is dropped, since a newer one is worth more.
	scoreQueue = 64
	// statesEach is how many changes of state may wait for each camera; beyond that its oldest is dropped, so that
	// what is published last is the state that it is in.
	statesEach = 8
)

// news are scores and states on their way out: what nobody keeps, and what nobody may wait for. The goroutine that
// sends them is not the one that stores alerts, which may wait for room on the disk.
type news struct {
	signal chan struct{} // 1: something waits

	mu     sync.Mutex
	scores []alerts.Score
	states []alerts.Status
}

func newNews() *news { return &news{signal: make(chan struct{}, 1)} }

func (n *news) wake() {
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

func (n *news) score(s alerts.Score) {
	n.mu.Lock()
	if len(n.scores) == scoreQueue {
		n.scores = slices.Delete(n.scores, 0, 1)
	}
	n.scores = append(n.scores, s)
	n.mu.Unlock()
	n.wake()
}

func (n *news) state(s alerts.Status) {
	n.mu.Lock()
	first, waiting := -1, 0
	for i, w := range n.states {
		if w.Camera == s.Camera {
			if waiting++; first < 0 {
				first = i
			}
		}
	}
	if waiting >= statesEach {
		n.states = slices.Delete(n.states, first, first+1)
	}
	n.states = append(n.states, s)
	n.mu.Unlock()
	n.wake()
}

// take gives what waits.
func (n *news) take() (scores []alerts.Score, states []alerts.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	scores, states = n.scores, n.states
	n.scores, n.states = nil, nil
	return scores, states
}

// sendNews sends scores and states until done, and then what still waits: the last state is the one that stays true.
func (p *publisher) sendNews(done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-p.news.signal:
		case <-done:
			over = true
		}
		scores, states := p.news.take()
		for _, s := range states {
			p.forget(p.to.PublishStatus(s))
		}
		for _, s := range scores {
			p.forget(p.to.PublishScore(s))
		}
	}
}
