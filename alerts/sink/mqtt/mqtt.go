// Package mqtt takes alerts to an MQTT 3.1.1 broker, and announces the cameras to Home Assistant.
//
// An alert of the outbox goes in and is published at QoS 1, as the CloudEvent that it is, to
// TOPIC/events/<camera>/<phase>. For those who want a switch, TOPIC/<camera>/state is ON while an event goes on, with
// its facts in TOPIC/<camera>/attributes, and TOPIC/availability is the last will. The invariants: an alert counts as
// taken when the broker has acknowledged it and the state; what is retained at the broker is of cameras that are
// configured, and everything else that this installation ever left there is deleted; no credential reaches an error.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/alerts/sink"
)

// Options describe a broker and what is published there.
type Options struct {
	URL      string // tcp://host:1883 or ssl://host:8883
	User     string
	Password string
	TLS      *tls.Config // nil for the system's
	// Registry makes the client id and knows what is retained at the broker; nil is one that is forgotten at the end.
	Registry *Registry
	// Topic is what every topic begins with, another for each program at one broker. At a NATS server's gateway it
	// must not make a topic that is a subject of alerts; events/ behind it sees to that.
	Topic string
	// Discovery is Home Assistant's prefix; empty announces nothing.
	Discovery string
	Cameras   []string
	// ProbeOnly connects and publishes nothing, to see whether it can. It has a client id of its own, since a broker
	// ends the connection of a client whose id comes again.
	ProbeOnly bool
	Log       *slog.Logger
}

// What availability topics say.
const (
	Online  = "online"
	Offline = "offline"
)

// Sink is a way out of the outbox. One goroutine makes and owns its connections, one after the other, until Close; the
// others use the one that there is.
type Sink struct {
	opts     Options
	log      *slog.Logger
	address  string
	clientID string

	ctx               context.Context //nolint:containedctx // of the goroutine that Close ends
	stop              context.CancelFunc
	work              sync.WaitGroup
	changed           chan struct{} // 1: the health of a camera changed
	suspects          suspects
	subscribeFailures int // of the goroutine that connects: how often a subscription failed

	mu             sync.Mutex
	conn           *connection              // nil while there is none
	lastErr        error                    // why there is none
	retainedStates map[string]retainedState // of each camera
	health         map[string]alerts.State  // of each camera
}

// New checks the options and starts to connect. A broker that is away is not an error.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "tcp" && u.Scheme != "ssl" {
		return nil, errors.New("MQTT: the address must be as tcp://host:1883 or ssl://host:8883")
	}
	if o.Registry == nil {
		o.Registry = newRegistry()
	}
	w := &Sink{
		opts: o, log: o.Log, address: u.Scheme + "://" + u.Host, clientID: o.Registry.clientID(o.Topic),
		changed:        make(chan struct{}, 1),
		retainedStates: map[string]retainedState{}, health: map[string]alerts.State{},
		lastErr: errors.New("not connected yet"),
	}
	if o.ProbeOnly {
		w.clientID += "-check"
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, camera := range o.Cameras {
		w.retainedStates[camera] = retainedState{"OFF", "{}"}
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.work.Go(w.connectLoop)
	return w, nil
}

// Name is "mqtt".
func (*Sink) Name() string { return "mqtt" }

// Address is the broker's address.
func (w *Sink) Address() string { return w.address }

func (w *Sink) topic(parts ...string) string { return w.opts.Topic + "/" + strings.Join(parts, "/") }

// current is the connection, or why there is none.
func (w *Sink) current() (*connection, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn == nil {
		return nil, w.lastErr
	}
	return w.conn, nil
}

func (w *Sink) setCurrent(c *connection, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn, w.lastErr = c, why
}

// Check waits until there is a connection, or says why there is none when ctx ends.
func (w *Sink) Check(ctx context.Context) error {
	for {
		_, err := w.current()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("MQTT at %s: %w", w.address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Deliver publishes an alert and what it changes of its camera's state, and returns nil once the broker has
// acknowledged all of it.
func (w *Sink) Deliver(ctx context.Context, m sink.Message) error {
	deliver := w.deliverShared
	if w.suspects.has(m.ID) {
		deliver = w.deliverDedicated
	}
	err := deliver(ctx, m)
	if err == nil {
		return nil
	}
	described := fmt.Errorf("MQTT at %s: %w", w.address, w.describe(err))
	if sink.IsRefused(err) {
		return sink.Refused(described)
	}
	return described
}

func (w *Sink) deliver(ctx context.Context, c *connection, m sink.Message) error {
	parts := strings.Split(m.Subject, ".")
	if err := c.publish(ctx, w.topic("events", m.Camera, parts[len(parts)-1]), m.Data, false); err != nil {
		return err
	}
	// What waited of a camera that is no longer configured leaves nothing behind.
	// How the camera is, later messages have said already.
	if m.Again || !slices.Contains(w.opts.Cameras, m.Camera) {
		return nil
	}
	a, err := alerts.Decode(m.Data)
	if err != nil {
		return nil //nolint:nilerr // of a later version, perhaps: who knows it has it by now
	}
	s := stateOf(a)
	// Noted before: where the connection is lost here, the next one begins with it.
	w.mu.Lock()
	w.retainedStates[m.Camera] = s
	w.mu.Unlock()
	if err := c.publish(ctx, w.topic(m.Camera, "attributes"), []byte(s.attributes), true); err != nil {
		return err
	}
	return c.publish(ctx, w.topic(m.Camera, "state"), []byte(s.state), true)
}

// Status makes a camera available or not. It waits for nothing: what a camera was set to last is published as soon as
// it can be.
func (w *Sink) Status(s alerts.Status) {
	w.mu.Lock()
	w.health[s.Camera] = s.State
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// availability is what a camera's state means to those who rely on it.
func availability(s alerts.State) string {
	if s.Watched() {
		return Online
	}
	return Offline
}

// Close publishes that nobody watches any more and ends the connection.
func (w *Sink) Close() error {
	w.stop()
	w.work.Wait()
	return nil
}
