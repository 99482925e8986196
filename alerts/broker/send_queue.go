package broker

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"vigil/alerts"
)

const (
	// maxQueuedScores is how many scores may wait for the server; beyond that the oldest is dropped.
	maxQueuedScores = 256
	// maxQueuedStates is how many states of one camera may wait; beyond that its oldest is dropped, so that the last
	// one sent is current.
	maxQueuedStates = 8
)

// sendQueue holds messages that are sent without acknowledgement, so that publishers do not block on a server that has
// stopped reading.
type sendQueue struct {
	connected atomic.Bool   // last known state of the connection
	signal    chan struct{} // capacity 1: a message is queued
	stop      chan struct{}
	stopOnce  sync.Once
	done      chan struct{} // closed at the end of sending

	mu      sync.Mutex
	waiting []queuedMessage
}

// queuedMessage is a score or a state in the queue.
type queuedMessage struct {
	subject string
	data    []byte
}

func newSendQueue() *sendQueue {
	return &sendQueue{signal: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// put adds a message; of its subject at most that many may wait.
func (f *sendQueue) put(n queuedMessage, most int) {
	f.mu.Lock()
	first, same := -1, 0
	for i, w := range f.waiting {
		if w.subject == n.subject {
			if same++; first < 0 {
				first = i
			}
		}
	}
	if same >= most {
		f.waiting = slices.Delete(f.waiting, first, first+1)
	}
	f.waiting = append(f.waiting, n)
	f.mu.Unlock()
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

func (f *sendQueue) take() []queuedMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.waiting
	f.waiting = nil
	return all
}

// runSendQueue sends until Close, or until the connection is closed.
func (c *Conn) runSendQueue() {
	defer close(c.queue.done)
	for over := false; !over; {
		select {
		case <-c.queue.signal:
		case <-c.queue.stop:
			over = true
		case <-c.closed:
			return
		}
		for _, n := range c.queue.take() {
			if !c.nc.IsConnected() {
				break // the queued messages would be stale after a reconnect
			}
			if err := c.nc.Publish(n.subject, n.data); err != nil {
				c.onState(StateUnsent, fmt.Errorf("publish to %s: %w", n.subject, c.scrub(err)))
			}
		}
	}
}

// closeSendQueue sends what is queued and stops.
func (c *Conn) closeSendQueue() {
	c.queue.stopOnce.Do(func() { close(c.queue.stop) })
	<-c.queue.done
}

// PublishScore sends a score to the current subscribers. It does not block; without a connection it returns
// ErrDisconnected.
func (c *Conn) PublishScore(s alerts.Score) error {
	data, err := alerts.EncodeScore(s)
	if err != nil {
		return err
	}
	return c.send(alerts.ScoreSubject(s.Camera), data, maxQueuedScores)
}

// PublishStatus sends a camera's state like PublishScore.
func (c *Conn) PublishStatus(s alerts.Status) error {
	data, err := alerts.EncodeStatus(s)
	if err != nil {
		return err
	}
	return c.send(alerts.StatusSubject(s.Camera), data, maxQueuedStates)
}

// PublishStorage sends the state of the storage like PublishScore.
func (c *Conn) PublishStorage(s alerts.Storage) error {
	data, err := alerts.EncodeStorage(s)
	if err != nil {
		return err
	}
	return c.send(alerts.StorageSubject, data, maxQueuedStates)
}

func (c *Conn) send(subject string, data []byte, most int) error {
	if !c.queue.connected.Load() {
		return ErrDisconnected
	}
	c.queue.put(queuedMessage{subject, data}, most)
	return nil
}
