package broker

import (
	"fmt"
	"sync"
	"sync/atomic"

	"vigil/alerts"
	"vigil/internal/lossy"
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
	connected atomic.Bool // last known state of the connection
	waiting   *lossy.Queue[queuedMessage]
	unsent    alerts.UnsentCounter
	stop      chan struct{}
	stopOnce  sync.Once
	done      chan struct{} // closed at the end of sending
}

// queuedMessage is a score or a state in the queue.
type queuedMessage struct {
	subject string
	data    []byte
	unsent  *atomic.Uint64 // where it is counted if it is not sent
}

func newSendQueue() *sendQueue {
	return &sendQueue{
		waiting: lossy.New(func(a, b queuedMessage) bool { return a.subject == b.subject }),
		stop:    make(chan struct{}), done: make(chan struct{}),
	}
}

// runSendQueue sends until Close, or until the connection is closed.
func (c *Conn) runSendQueue() {
	defer close(c.queue.done)
	for over := false; !over; {
		select {
		case <-c.queue.waiting.Ready():
		case <-c.queue.stop:
			over = true
		case <-c.closed:
			return
		}
		for _, n := range c.queue.waiting.Take() {
			if !c.nc.IsConnected() {
				n.unsent.Add(1) // it would be stale after a reconnect
				continue
			}
			if err := c.nc.Publish(n.subject, n.data); err != nil {
				n.unsent.Add(1)
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
	return c.send(alerts.ScoreSubject(s.Camera), data, maxQueuedScores, &c.queue.unsent.Scores)
}

// PublishStatus sends a camera's state like PublishScore.
func (c *Conn) PublishStatus(s alerts.Status) error {
	data, err := alerts.EncodeStatus(s)
	if err != nil {
		return err
	}
	return c.send(alerts.StatusSubject(s.Camera), data, maxQueuedStates, &c.queue.unsent.States)
}

// PublishStorage sends the state of the storage like PublishScore.
func (c *Conn) PublishStorage(s alerts.Storage) error {
	data, err := alerts.EncodeStorage(s)
	if err != nil {
		return err
	}
	return c.send(alerts.StorageSubject, data, maxQueuedStates, &c.queue.unsent.States)
}

// Unsent counts the scores and states that were not sent. Those of the storage are states.
func (c *Conn) Unsent() alerts.Unsent { return c.queue.unsent.Load() }

func (c *Conn) send(subject string, data []byte, limit int, unsent *atomic.Uint64) error {
	if !c.queue.connected.Load() {
		unsent.Add(1)
		return ErrDisconnected
	}
	if c.queue.waiting.Put(queuedMessage{subject, data, unsent}, limit) {
		unsent.Add(1)
	}
	return nil
}
