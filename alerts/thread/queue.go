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
	// HoldTime is how long the end of an event waits for its evidence; if a clip is ready by then the end includes it
	// and is final.
	HoldTime = 10 * time.Second
	// HoldAtStop replaces HoldTime after a stop signal.
	HoldAtStop = time.Second
)

// Message is a message of an event before it has a number, with the camera's media.
type Message struct {
	Alert       alerts.Alert
	Heat        []float32 // error map of a new peak
	Side        int
	Media       Media         // may be nil
	UpdateEvery time.Duration // minimum interval of updates
	QueuedAt    time.Time
}

// Options describe a Queue.
type Options struct {
	Publisher Publisher          // nil publishes nothing
	Evidence  EvidenceMaker      // may be nil
	OnAlert   func(alerts.Alert) // called for each message, after the Publisher if there is one; may be nil
	Cameras   int                // maximum number of cameras
	Log       *slog.Logger
}

// Queue separates the scheduler from the store of alerts: only its goroutines may block on the store.
type Queue struct {
	to          Publisher     // nil publishes nothing
	evidence    EvidenceMaker // may be nil
	onAlert     func(alerts.Alert)
	log         *slog.Logger
	messages    chan Message
	lossy       lossyQueue
	holdExpired chan *eventThread
	updateDue   chan *eventThread       // events with a due update
	threads     map[string]*eventThread // open event of each camera
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
	p := &Queue{
		to: o.Publisher, evidence: o.Evidence, onAlert: o.OnAlert, log: o.Log, messages: make(chan Message, alertQueue),
		lossy: newLossyQueue(), holdExpired: make(chan *eventThread, o.Cameras),
		updateDue: make(chan *eventThread, o.Cameras), threads: map[string]*eventThread{},
	}
	p.deadline, p.giveUp = context.WithCancel(context.Background())
	return p
}

// Publishes reports whether messages go to a Publisher, or only to OnAlert.
func (p *Queue) Publishes() bool { return p.to != nil }

// Enqueue accepts a message of the scheduler. It blocks when the broker is far behind: then cuboids are shed and
// counted, but no alert is lost.
func (p *Queue) Enqueue(w Message) {
	if len(p.messages) >= maxQueuedHeat {
		w.Heat = nil
	}
	if p.to == nil {
		p.notify(p.thread(w.Alert).stamp(w.Alert))
		return
	}
	select {
	case p.messages <- w: // check it first, since it may be the deadline as well
		return
	default:
	}
	select {
	case p.messages <- w:
	case <-p.deadline.Done():
		p.recordLoss(w.Alert, errors.New("the queue was full at the end"))
	}
}

// notify calls OnAlert and logs the message.
func (p *Queue) notify(a alerts.Alert) {
	if p.onAlert != nil {
		p.onAlert(a)
	}
	args := []any{"camera", a.Camera, "phase", a.Phase, "id", a.ID, "seq", a.Seq}
	if r := a.Measurement; r != nil {
		args = append(args, "regularity", r.Regularity, "peak", r.PeakError, "threshold", r.Threshold)
	}
	p.log.Info("alert", append(args, "zones", a.Zones, "frame", a.Start.Frame, "evidence", len(a.Evidence))...)
}

// recordLoss records an alert that was not stored.
func (p *Queue) recordLoss(a alerts.Alert, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost++
	if p.first == nil {
		// Not wrapped: the timeout here is not a cancellation by the caller.
		p.first = fmt.Errorf("%s: %v", a.MessageID(), err) //nolint:errorlint // see above
	}
	p.log.Error("alert not delivered", "camera", a.Camera, "id", a.MessageID(), "error", err,
		errcode.Key, errcode.SinkQueue)
}

// SendScore sends a score without blocking; if many are queued, the latest are sent.
func (p *Queue) SendScore(s alerts.Score) {
	if p.to != nil {
		p.lossy.scores.Put(s, scoreQueue)
	}
}

// SendStatus sends a camera's state without blocking; the latest of each camera is always sent.
func (p *Queue) SendStatus(s alerts.Status) {
	if p.to != nil {
		p.lossy.states.Put(s, maxStatusPerCamera)
	}
}

// Run publishes until Close, and then the rest, as long as one is stored within DrainTime. It returns an error with
// the first alert that was not stored and the number of such alerts.
func (p *Queue) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.giveUpAfter(stopTime) })
	defer stop()
	defer p.giveUp()
	if p.to == nil {
		// Without a Publisher the scheduler calls OnAlert itself, and the events' state belongs to its goroutine.
		for range p.messages {
		}
		return p.lossError()
	}
	over := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() { p.sendLossy(over) })
	defer sending.Wait()
	defer close(over)
	var found <-chan Result
	if p.evidence != nil {
		found = p.evidence.Results()
	}
	words := p.messages
	stopping := ctx.Done()
	for words != nil || p.hasHeldEnds() {
		select {
		case w, ok := <-words:
			if !ok {
				words = nil
				if p.holdDeadline.IsZero() {
					p.holdDeadline = time.Now().Add(HoldTime)
				}
				continue
			}
			p.handle(ctx, w)
		case f := <-found:
			p.attachEvidence(f)
		case s := <-p.holdExpired:
			p.publishEnd(s)
		case s := <-p.updateDue:
			p.publishUpdate(s)
		case <-stopping:
			stopping = nil
			p.shortenHold(HoldAtStop)
		}
	}
	return p.lossError()
}

// lossError describes the lost alerts.
func (p *Queue) lossError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.timers {
		t.Stop()
	}
	if p.lost > 0 {
		return fmt.Errorf("%d alert messages were not delivered, the first: %w", p.lost, p.first)
	}
	return nil
}

func (p *Queue) giveUpAfter(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timers = append(p.timers, time.AfterFunc(d, p.giveUp))
}

// drainGoesOn gives the next alert DrainTime after one was stored, so that a slow disk takes its time.
func (p *Queue) drainGoesOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drain != nil && p.deadline.Err() == nil {
		p.drain.Reset(DrainTime)
	}
}

// logUnsent logs the error of a message that is not stored.
func (p *Queue) logUnsent(err error) {
	if err != nil {
		p.log.Debug("score or state not sent", "error", err)
	}
}

// Close ends the queue; nothing may be enqueued afterwards.
func (p *Queue) Close() {
	p.mu.Lock()
	p.drain = time.AfterFunc(DrainTime, p.giveUp)
	p.timers = append(p.timers, p.drain)
	p.mu.Unlock()
	close(p.messages)
}
