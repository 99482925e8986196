// Package thread puts the messages of events in order: it numbers them, attaches evidence, holds an end back until its
// clip is made or late, and is the goroutine border to the store. Each event of a camera is a thread of messages.
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

// Publisher is where messages go. Publish returns once the alert is safe, or with ctx's error; scores and states are
// sent and forgotten, and neither waits for a network.
type Publisher interface {
	Publish(ctx context.Context, a alerts.Alert) error
	PublishScore(s alerts.Score) error
	PublishStatus(s alerts.Status) error
}

// EvidenceMaker makes evidence of events while they go on; an evidence.Maker is one.
type EvidenceMaker interface {
	// Submit is told of a start once it is published, and of the other messages before they are, since both are to be
	// one; of an end it says whether a last Finding will come. It does not block.
	Submit(s Request) bool
	Results() <-chan Result
}

const (
	// alertQueue is how many messages may wait for the broker before the scorer does: some hours of a busy night.
	alertQueue = 1024
	// maxQueuedHeat is how many of these may have an error map with them, which is the largest part of them: no more
	// events have evidence at a time.
	maxQueuedHeat = 64
	// DrainTime is how long undelivered alerts are tried after the cameras have ended by themselves; it leaves some to
	// the broker behind HoldTime.
	DrainTime = HoldTime + 4*time.Second
	// stopTime is how long they are tried after the program was told to stop, however long the cameras take.
	stopTime = 6 * time.Second
	// HoldTime is how long the end of an event waits for its evidence; with a clip made meanwhile the end is the last
	// word.
	HoldTime = 10 * time.Second
	// HoldAtStop is the same once the program was told to stop.
	HoldAtStop = time.Second
)

// Message is a message of an event before it has a number, and what the camera saw of it.
type Message struct {
	Alert       alerts.Alert
	Heat        []float32 // the peak's error map, where the peak is new
	Side        int
	Media       Media         // nil for none
	UpdateEvery time.Duration // at most one update in so long
	QueuedAt    time.Time
}

// Options describe a Queue.
type Options struct {
	Publisher Publisher          // nil publishes nothing
	Evidence  EvidenceMaker      // nil for no evidence
	OnAlert   func(alerts.Alert) // called for each message, with a Publisher once it has the message; may be nil
	Cameras   int                // how many there are at most
	Log       *slog.Logger
}

// Queue is the goroutine border to the store of alerts: only this side of it may wait for it.
type Queue struct {
	to          Publisher     // nil publishes nothing
	evidence    EvidenceMaker // nil for no evidence
	onAlert     func(alerts.Alert)
	log         *slog.Logger
	messages    chan Message
	lossy       *lossyQueue
	holdExpired chan *eventThread
	updateDue   chan *eventThread       // whose update is to be said
	threads     map[string]*eventThread // of each camera: the event that goes on
	// the program was told to stop, and what is not ready by then will not be made: no end promises it
	stopping     bool
	holdDeadline time.Time // until when ends may wait, all of them together, once no more will come

	// deadline ends when undelivered alerts are given up; it does not end with the program's context.
	deadline context.Context //nolint:containedctx // it belongs to the queue: both sides of it give up together
	giveUp   context.CancelFunc
	mu       sync.Mutex
	timers   []*time.Timer
	lost     int
	first    error // of the first alert that was lost
}

// NewQueue makes a Queue; Run publishes what is enqueued.
func NewQueue(o Options) *Queue {
	p := &Queue{
		to: o.Publisher, evidence: o.Evidence, onAlert: o.OnAlert, log: o.Log, messages: make(chan Message, alertQueue),
		lossy: newLossyQueue(), holdExpired: make(chan *eventThread, o.Cameras),
		updateDue: make(chan *eventThread, o.Cameras), threads: map[string]*eventThread{},
	}
	p.deadline, p.giveUp = context.WithCancel(context.Background())
	return p
}

// Publishes reports whether messages go to a Publisher, or to OnAlert alone.
func (p *Queue) Publishes() bool { return p.to != nil }

// Enqueue takes what the scorer says of an event. It waits when the broker is far behind: the scorer may stand still,
// and then whole cuboids are shed and counted, but no alert is.
func (p *Queue) Enqueue(w Message) {
	if len(p.messages) >= maxQueuedHeat {
		w.Heat = nil
	}
	if p.to == nil {
		p.notify(p.thread(w.Alert).stamp(w.Alert))
		return
	}
	select {
	case p.messages <- w: // first, since it may be the deadline as well
		return
	default:
	}
	select {
	case p.messages <- w:
	case <-p.deadline.Done():
		p.recordLoss(w.Alert, errors.New("the queue was full at the end"))
	}
}

// notify lets everybody else hear of a message.
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

// recordLoss notes an alert that no broker took.
func (p *Queue) recordLoss(a alerts.Alert, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost++
	if p.first == nil {
		// Not wrapped: that we gave up waiting is no cancellation of the caller's.
		p.first = fmt.Errorf("%s: %v", a.MessageID(), err) //nolint:errorlint // see above
	}
	p.log.Error("alert not delivered", "camera", a.Camera, "id", a.MessageID(), "error", err,
		errcode.Key, errcode.SinkQueue)
}

// SendScore sends a score and never waits; of many the latest are sent.
func (p *Queue) SendScore(s alerts.Score) {
	if p.to != nil {
		p.lossy.addScore(s)
	}
}

// SendStatus sends a camera's state and never waits; the latest of each camera is always sent.
func (p *Queue) SendStatus(s alerts.Status) {
	if p.to != nil {
		p.lossy.addStatus(s)
	}
}

// Run publishes until close, and then what is left for at most DrainTime. It returns an error that names the first
// alert that no broker took and how many there were.
func (p *Queue) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.giveUpAfter(stopTime) })
	defer stop()
	defer p.giveUp()
	if p.to == nil {
		// The scorer itself tells of each message, and what there is of an event is its own.
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

// lossError says what was lost.
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

// logUnsent notes the error of a message that nobody keeps.
func (p *Queue) logUnsent(err error) {
	if err != nil {
		p.log.Debug("score or state not sent", "error", err)
	}
}

// Close says that nothing more will be published.
func (p *Queue) Close() {
	p.giveUpAfter(DrainTime)
	close(p.messages)
}
