package thread

import (
	"vigil/alerts"
	"vigil/internal/lossy"
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
	scores *lossy.Queue[alerts.Score]
	states *lossy.Queue[alerts.Status]
}

// Unsent counts the scores and states that gave way to newer ones.
func (q *Queue) Unsent() alerts.Unsent { return q.unsent.Load() }

func newLossyQueue() lossyQueue {
	return lossyQueue{
		scores: lossy.New(func(_, _ alerts.Score) bool { return true }),
		states: lossy.New(func(a, b alerts.Status) bool { return a.Camera == b.Camera }),
	}
}

// sendLossy sends scores and states until done, and then what is queued, since the last state remains valid.
func (q *Queue) sendLossy(done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-q.lossy.scores.Ready():
		case <-q.lossy.states.Ready():
		case <-done:
			over = true
		}
		for _, s := range q.lossy.states.Take() {
			q.logUnsent(q.to.PublishStatus(s))
		}
		for _, s := range q.lossy.scores.Take() {
			q.logUnsent(q.to.PublishScore(s))
		}
	}
}
