package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigil/alerts"
)

// Publisher is where messages go. Publish returns once the broker has acknowledged the alert, or with ctx's error;
// scores and states are sent and forgotten.
type Publisher interface {
	Publish(ctx context.Context, a alerts.Alert) error
	PublishScore(s alerts.Score) error
	PublishStatus(s alerts.Status) error
}

const (
	// alertQueue is how many messages may wait for the broker before the scorer does: some hours of a busy night.
	alertQueue = 1024
	// scoreQueue is how many scores may wait; more are let go, since a newer one is worth more than an old one.
	scoreQueue = 64
	// statesEach is how many changes of state may wait for each camera.
	statesEach = 8
	// drainTime is how long undelivered alerts are tried after the cameras have stopped.
	drainTime = 4 * time.Second
	// stopTime is how long they are tried after the program was told to stop, however long the cameras take.
	stopTime = 6 * time.Second
)

// publisher is the goroutine border to the network: only this side of it may wait for a broker.
type publisher struct {
	to      Publisher // nil publishes nothing
	onAlert func(alerts.Alert)
	log     *slog.Logger
	alerts  chan alerts.Alert
	scores  chan alerts.Score
	status  chan alerts.Status

	// deadline ends when undelivered alerts are given up; it does not end with the program's context.
	deadline context.Context //nolint:containedctx // it belongs to the queue: both sides of it give up together
	giveUp   context.CancelFunc
	timers   []*time.Timer
	mu       sync.Mutex
	lost     int
	first    error // of the first alert that was lost
}

func newPublisher(to Publisher, cameras int, onAlert func(alerts.Alert), log *slog.Logger) *publisher {
	p := &publisher{
		to: to, onAlert: onAlert, log: log, alerts: make(chan alerts.Alert, alertQueue),
		scores: make(chan alerts.Score, scoreQueue), status: make(chan alerts.Status, statesEach*cameras),
	}
	p.deadline, p.giveUp = context.WithCancel(context.Background())
	return p
}

func (p *publisher) alert(a alerts.Alert) {
	if p.onAlert != nil {
		p.onAlert(a)
	}
	p.log.Info("alert", "camera", a.Camera, "phase", a.Phase, "id", a.ID, "seq", a.Seq, "regularity", a.Regularity,
		"peak", a.PeakError, "threshold", a.Threshold, "zones", a.Zones, "frame", a.Start.Frame)
	if p.to == nil {
		return
	}
	select {
	case p.alerts <- a:
	case <-p.deadline.Done():
		p.lose(a, errors.New("the queue was full at the end"))
	}
}

// lose notes an alert that no broker took.
func (p *publisher) lose(a alerts.Alert, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost++
	if p.first == nil {
		// Not wrapped: that we gave up waiting is no cancellation of the caller's.
		p.first = fmt.Errorf("%s: %v", a.MessageID(), err) //nolint:errorlint // see above
	}
	p.log.Error("alert not delivered", "camera", a.Camera, "id", a.MessageID(), "error", err)
}

func (p *publisher) score(s alerts.Score) {
	if p.to == nil {
		return
	}
	select {
	case p.scores <- s:
	default:
	}
}

func (p *publisher) state(s alerts.Status) {
	if p.to == nil {
		return
	}
	select {
	case p.status <- s:
	default:
	}
}

// run publishes until close, and then what is left for at most drainTime. It returns an error that names the first alert that no
// broker took and how many there were.
func (p *publisher) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { p.giveUpAfter(stopTime) })
	defer stop()
	defer p.giveUp()
	for {
		select {
		case a, ok := <-p.alerts:
			if !ok {
				return p.end()
			}
			if err := p.to.Publish(p.deadline, a); err != nil {
				p.lose(a, err)
			}
		case s := <-p.scores:
			p.forget(p.to.PublishScore(s))
		case s := <-p.status:
			p.forget(p.to.PublishStatus(s))
		}
	}
}

// end sends the states that still wait, since the last one is the one that stays true.
func (p *publisher) end() error {
	for len(p.status) > 0 {
		p.forget(p.to.PublishStatus(<-p.status))
	}
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

func (p *publisher) giveUpAfter(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timers = append(p.timers, time.AfterFunc(d, p.giveUp))
}

// forget notes the error of a message that nobody keeps.
func (p *publisher) forget(err error) {
	if err != nil {
		p.log.Debug("score or state not sent", "error", err)
	}
}

// close says that nothing more will be published.
func (p *publisher) close() {
	p.giveUpAfter(drainTime)
	close(p.alerts)
}
