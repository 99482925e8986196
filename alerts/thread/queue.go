// Package thread orders the messages of events: it numbers them, attaches evidence, holds an end until its clip is
// ready or late, and separates the scheduler from the goroutine that stores alerts. Each event of a camera is a thread
// of messages.
package thread

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// Publisher publishes messages. Publish returns once the alert is stored, or with ctx's error; scores and states are
// sent without acknowledgement, and do not wait for a network.
type Publisher interface {
	Publish(ctx context.Context, a alerts.Alert) error
	PublishScore(s alerts.Score) error
	PublishStatus(s alerts.Status) error
}

// EvidenceMaker makes evidence of events in progress; evidence.Maker implements it.
type EvidenceMaker interface {
	// Submit receives a start after it is published, and the other messages before, since message and evidence are
	// published as one; for an end it reports whether a Result with Last will follow. It does not block.
	Submit(s Request) bool
	Results() <-chan Result
}

const (
	// alertQueue is how many messages may wait for the broker before the scheduler blocks: some hours of a busy night.
	alertQueue = 1024
	// maxQueuedHeat is how many of them may carry an error map, which is their largest part: no more events have
	// evidence at a time.
	maxQueuedHeat = 64
	// DrainTime is how long a pending alert may take to be stored after the cameras have ended by themselves, before
	// the rest is abandoned; it leaves some time to the store after HoldTime.
	DrainTime = HoldTime + 4*time.Second
	// stopTime is the same bound after a stop signal, however long the cameras take.
	stopTime = 6 * time.Second
)

// Message is a message of an event before it has a number, with the camera's media.
type Message struct {
	Alert       alerts.Alert
	Heat        []float32 // error map of a new peak
	Side        int
	Media       Media         // may be nil
	Before      Before        // for the start of kind untrusted
	UpdateEvery time.Duration // minimum interval of updates
	QueuedAt    time.Time
}

// Options describe a Queue.
type Options struct {
	Publisher Publisher          // nil publishes nothing
	Evidence  EvidenceMaker      // may be nil
	OnAlert   func(alerts.Alert) // called for each message, after the Publisher if there is one; may be nil
	OnLost    func(alerts.Alert) // called for each message that was not stored; may be nil
	Log       *slog.Logger
}

// Queue separates the scheduler from the store of alerts: only its goroutines may block on the store.
type Queue struct {
	to          Publisher     // nil publishes nothing
	evidence    EvidenceMaker // may be nil
	onAlert     func(alerts.Alert)
	onLost      func(alerts.Alert)
	log         *slog.Logger
	messages    chan Message
	lossy       lossyQueue
	unsent      alerts.UnsentCounter
	holdExpired chan *eventThread
	updateDue   chan *eventThread       // events with a due update
	threads     map[string]*eventThread // open event of each camera, or whose end is held
	over        chan struct{}           // closed when Run has returned: no timer is waited for
	// after a stop signal: evidence not ready by then will not be made, and no end lists it as pending
	stopping     bool
	holdDeadline time.Time // common deadline of all holds, once no more messages follow

	// deadline ends when pending alerts are abandoned; it does not end with the program's context.
	deadline context.Context //nolint:containedctx // it belongs to the queue: both sides of it give up together
	giveUp   context.CancelFunc
	mu       sync.Mutex
	timers   []*time.Timer
	drain    *time.Timer // of DrainTime, since Close
	lost     int
	first    error // of the first lost alert
}

// NewQueue returns a Queue; Run publishes what is enqueued.
func NewQueue(o Options) *Queue {
	q := &Queue{
		to: o.Publisher, evidence: o.Evidence, onAlert: o.OnAlert, onLost: o.OnLost, log: o.Log,
		messages: make(chan Message, alertQueue),
		lossy:    newLossyQueue(), holdExpired: make(chan *eventThread), updateDue: make(chan *eventThread),
		over: make(chan struct{}), threads: map[string]*eventThread{},
	}
	q.deadline, q.giveUp = context.WithCancel(context.Background())
	return q
}

// Publishes reports whether messages go to a Publisher, or only to OnAlert.
func (q *Queue) Publishes() bool { return q.to != nil }

// Enqueue accepts a message of the scheduler. It blocks when the broker is far behind: then cuboids are shed and
// counted, but no alert is lost.
func (q *Queue) Enqueue(m Message) {
	if len(q.messages) >= maxQueuedHeat {
		m.Heat = nil
	}
	if q.to == nil {
		q.notify(q.stamp(q.thread(m.Alert), m.Alert))
		return
	}
	select {
	case q.messages <- m: // check it first, since it may be the deadline as well
		return
	default:
	}
	select {
	case q.messages <- m:
	case <-q.deadline.Done():
		q.recordLoss(m.Alert, errors.New("the queue was full at the end"))
	}
}

// notify calls OnAlert and logs the message.
func (q *Queue) notify(a alerts.Alert) {
	if q.onAlert != nil {
		q.onAlert(a)
	}
	args := []any{"camera", a.Camera, "phase", a.Phase, "id", a.ID, "seq", a.Seq}
	if a.Kind != alerts.KindAnomaly {
		args = append(args, "kind", a.Kind, "reason", a.Reason)
	}
	if r := a.Measurement; r != nil {
		args = append(args, "regularity", r.Regularity, "peak", r.PeakError, "threshold", r.Threshold)
	}
	q.log.Info("alert", append(args, "zones", a.Zones, "frame", a.Start.Frame, "evidence", len(a.Evidence))...)
}

// recordLoss records an alert that was not stored.
func (q *Queue) recordLoss(a alerts.Alert, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost++
	if q.first == nil {
		// Not wrapped: the timeout here is not a cancellation by the caller.
		q.first = fmt.Errorf("%s: %v", a.MessageID(), err) //nolint:errorlint // see above
	}
	if q.onLost != nil {
		q.onLost(a)
	}
	q.log.Error("alert not delivered", "camera", a.Camera, "id", a.MessageID(), "error", err,
		errcode.Key, errcode.SinkQueue)
}

// SendScore sends a score without blocking; if many are queued, the latest are sent.
func (q *Queue) SendScore(s alerts.Score) {
	if q.to != nil && q.lossy.scores.Put(s, scoreQueue) {
		q.unsent.Scores.Add(1)
	}
}

// SendStatus sends a camera's state without blocking; the latest of each camera is always sent.
func (q *Queue) SendStatus(s alerts.Status) {
	if q.to != nil && q.lossy.states.Put(s, maxStatusPerCamera) {
		q.unsent.States.Add(1)
	}
}

// Run publishes until Close, and then the rest, as long as one is stored within DrainTime. It returns an error with the
// first alert that was not stored and the number of such alerts.
func (q *Queue) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { q.giveUpAfter(stopTime) })
	defer stop()
	defer q.giveUp()
	defer close(q.over)
	if q.to == nil {
		// Without a Publisher the scheduler calls OnAlert itself, and the events' state belongs to its goroutine.
		for range q.messages {
		}
		return q.lossError()
	}
	published := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() { q.sendLossy(published) })
	defer sending.Wait()
	defer close(published)
	var found <-chan Result
	if q.evidence != nil {
		found = q.evidence.Results()
	}
	messages := q.messages
	stopping := ctx.Done()
	for messages != nil || q.hasHeldEnds() {
		select {
		case m, ok := <-messages:
			if !ok {
				messages = nil
				if q.holdDeadline.IsZero() {
					q.holdDeadline = time.Now().Add(HoldTime)
				}
				continue
			}
			q.handle(ctx, m)
		case f := <-found:
			q.attachEvidence(f)
		case s := <-q.holdExpired:
			q.publishEnd(s)
		case s := <-q.updateDue:
			q.publishUpdate(s)
		case <-stopping:
			stopping = nil
			q.shortenHold(HoldAtStop)
		}
	}
	return q.lossError()
}

// handle processes a message of the scheduler. Messages after a held end wait too, to keep the camera's order.
func (q *Queue) handle(ctx context.Context, m Message) {
	if s := q.threads[m.Alert.Camera]; s != nil && s.heldEnd != nil {
		s.queuedBehind = append(s.queuedBehind, m)
		if m.Alert.Kind == alerts.KindUntrusted && m.Alert.Phase == alerts.PhaseStart {
			q.publishEnd(s) // that a camera was covered does not wait for the clip of what it saw before
		}
		return
	}
	s := q.thread(m.Alert)
	if m.Alert.Phase == alerts.PhaseUpdate && s.started {
		s.setUpdate(m)
		q.scheduleUpdate(s, q.offerEvidence(m, m.Alert))
		return
	}
	s.dropUpdate()
	if m.Alert.Phase == alerts.PhaseEnd && q.offerEvidence(m, m.Alert) {
		s.heldEnd = &m
		hold := HoldTime
		if ctx.Err() != nil && !q.stopping {
			q.shortenHold(HoldAtStop)
		}
		if !q.holdDeadline.IsZero() {
			hold = max(0, time.Until(q.holdDeadline))
		}
		s.timer = time.AfterFunc(hold, func() { q.expire(s) })
		return
	}
	a, ok := q.publish(s, m)
	s.started, s.every = s.started || ok, m.UpdateEvery
	if ok && m.Alert.Phase != alerts.PhaseEnd {
		q.offerEvidence(m, a)
	}
}

// lossError describes the lost alerts.
func (q *Queue) lossError() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.timers {
		t.Stop()
	}
	if q.lost > 0 {
		return fmt.Errorf("%d alert messages were not delivered, the first: %w", q.lost, q.first)
	}
	return nil
}

func (q *Queue) giveUpAfter(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timers = append(q.timers, time.AfterFunc(d, q.giveUp))
}

// drainGoesOn gives the next alert DrainTime after one was stored, so that a slow disk takes its time.
func (q *Queue) drainGoesOn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.drain != nil && q.deadline.Err() == nil {
		q.drain.Reset(DrainTime)
	}
}

// logUnsent logs the error of a message that is not stored.
func (q *Queue) logUnsent(err error) {
	if err != nil {
		q.log.Debug("score or state not sent", "error", err)
	}
}

// Close ends the queue; nothing may be enqueued afterwards.
func (q *Queue) Close() {
	q.mu.Lock()
	q.drain = time.AfterFunc(DrainTime, q.giveUp)
	q.timers = append(q.timers, q.drain)
	q.mu.Unlock()
	close(q.messages)
}
