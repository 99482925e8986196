package pipeline

import (
	"context"
	"fmt"
	"log/slog"
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
	// drainTime is how long undelivered alerts are tried after the cameras have stopped.
	drainTime = 8 * time.Second
)

// publisher is the goroutine border to the network: only this side of it may wait for a broker.
type publisher struct {
	to      Publisher // nil publishes nothing
	onAlert func(alerts.Alert)
	log     *slog.Logger
	alerts  chan alerts.Alert
	scores  chan alerts.Score
	status  chan alerts.Status
}

func newPublisher(to Publisher, onAlert func(alerts.Alert), log *slog.Logger) *publisher {
	return &publisher{
		to: to, onAlert: onAlert, log: log, alerts: make(chan alerts.Alert, alertQueue),
		scores: make(chan alerts.Score, scoreQueue), status: make(chan alerts.Status, scoreQueue),
	}
}

func (p *publisher) alert(a alerts.Alert) {
	if p.onAlert != nil {
		p.onAlert(a)
	}
	p.log.Info("alert", "camera", a.Camera, "phase", a.Phase, "id", a.ID, "seq", a.Seq, "regularity", a.Regularity,
		"peak", a.PeakError, "threshold", a.Threshold, "zones", a.Zones, "frame", a.Start.Frame)
	if p.to != nil {
		p.alerts <- a
	}
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

func (p *publisher) state(camera string, state alerts.State, detail string) {
	if p.to == nil {
		return
	}
	select {
	case p.status <- alerts.Status{Camera: camera, State: state, Wall: time.Now(), Detail: detail}:
	default:
	}
}

// run publishes until close, and then what is left for at most drainTime after ctx is done. It returns an error that
// names the first alert that no broker took and how many there were.
func (p *publisher) run(ctx context.Context) error {
	deadline, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })
	defer stop()
	var lost int
	var first error
	for {
		select {
		case a, ok := <-p.alerts:
			if !ok {
				if lost > 0 {
					return fmt.Errorf("%d alert messages were not delivered, the first: %w", lost, first)
				}
				return nil
			}
			if err := p.to.Publish(deadline, a); err != nil {
				lost++
				if first == nil {
					first = fmt.Errorf("%s: %w", a.MessageID(), err)
				}
				p.log.Error("alert not delivered", "camera", a.Camera, "id", a.MessageID(), "error", err)
			}
		case s := <-p.scores:
			p.forget(p.to.PublishScore(s))
		case s := <-p.status:
			p.forget(p.to.PublishStatus(s))
		}
	}
}

// forget notes the error of a message that nobody keeps.
func (p *publisher) forget(err error) {
	if err != nil {
		p.log.Debug("score or state not sent", "error", err)
	}
}

// close says that nothing more will be published.
func (p *publisher) close() { close(p.alerts) }
