// Package mqtt delivers alerts to an MQTT 3.1.1 broker, and announces the cameras to Home Assistant.
//
// An alert of the outbox goes in and is published at QoS 1, as the unchanged CloudEvent, to
// TOPIC/events/<camera>/<phase>. For switches, TOPIC/<camera>/state is ON during an event, with its properties in
// TOPIC/<camera>/attributes, and TOPIC/availability is the last will. With Options.OnSwitch, commands come in at
// TOPIC/<camera>/enabled/set and TOPIC/<camera>/snooze/set. The invariants: an alert counts as delivered when the
// broker has acknowledged it and the state; the retained messages at the broker are of configured cameras, also after
// SetCameras, and all others that this installation ever left there are deleted; a command that is not valid, is
// retained or comes too often changes nothing; no credential reaches an error.
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

	"vigil/alerts"
	"vigil/alerts/sink"
	"vigil/internal/broadcast"
)

// Options describe a broker and the published topics.
type Options struct {
	URL      string // tcp://host:1883 or ssl://host:8883
	User     string
	Password string
	TLS      *tls.Config // nil for the system's
	// Registry provides the client id and records what is retained at the broker; nil is one that is not saved.
	Registry *Registry
	// Topic is the prefix of every topic, a different one for each program at one broker. At the MQTT gateway of a NATS
	// server a topic must not map to a subject of alerts; the level events/ after the prefix prevents that.
	Topic string
	// Discovery is Home Assistant's prefix; empty announces nothing.
	Discovery string
	// Cameras are the configured cameras until SetCameras. With Incomplete there may be others: nothing is deleted
	// before the first SetCameras.
	Cameras    []string
	Incomplete bool
	// OnSwitch, if set, makes the sink accept commands at TOPIC/<camera>/enabled/set and TOPIC/<camera>/snooze/set, and
	// is called with each valid one, one at a time. It must not call the sink's methods while it holds a lock that
	// Switches needs.
	OnSwitch func(ctx context.Context, camera string, change alerts.SwitchChange) error
	// ProbeOnly connects to check the connection and publishes nothing. It uses its own client id, since a broker
	// disconnects a client when another one connects with the same id.
	ProbeOnly bool
	Log       *slog.Logger
}

// Payloads of availability topics.
const (
	Online  = "online"
	Offline = "offline"
)

// Sink delivers alerts of the outbox to a broker. One goroutine makes and owns its connections, one after the other,
// until Close; the others use the current one.
type Sink struct {
	opts     Options
	log      *slog.Logger
	address  string
	clientID string

	ctx               context.Context //nolint:containedctx // of the goroutine that Close ends
	stop              context.CancelFunc
	work              sync.WaitGroup
	changed           chan struct{} // capacity 1: the health or the switches of a camera changed
	camerasChanged    chan struct{} // capacity 1: cameras or leftBehind changed
	suspects          suspects
	subscribeFailures int // used by connectLoop only: number of failed subscriptions

	connChange     broadcast.Signal // conn or lastErr has changed
	mu             sync.Mutex
	conn           *connection              // nil if disconnected
	lastErr        error                    // why it is disconnected
	cameras        []string                 // that are configured; replaced, never changed
	incomplete     bool                     // there may be other cameras; nothing is deleted
	retainedStates map[string]retainedState // of each camera
	health         map[string]alerts.State  // of cameras; none before the first status
	switches       map[string]alerts.Switches
	leftBehind     []string  // topics that were published while their camera was removed
	commands       *commands // nil without Options.OnSwitch
}

// New checks the options and starts to connect. An unreachable broker is not an error.
func New(o Options) (*Sink, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "tcp" && u.Scheme != "ssl" {
		return nil, errors.New("MQTT: the address must be as tcp://host:1883 or ssl://host:8883")
	}
	if o.Registry == nil {
		o.Registry = NewRegistry("")
	}
	w := &Sink{
		opts: o, log: o.Log, address: u.Scheme + "://" + u.Host, clientID: o.Registry.clientID(o.Topic),
		changed: make(chan struct{}, 1), camerasChanged: make(chan struct{}, 1),
		retainedStates: map[string]retainedState{}, health: map[string]alerts.State{},
		switches: map[string]alerts.Switches{},
		lastErr:  errors.New("not connected yet"),
	}
	if o.ProbeOnly {
		w.clientID += "-check"
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.setCameras(o.Cameras, o.Incomplete)
	w.ctx, w.stop = context.WithCancel(context.Background())
	if o.OnSwitch != nil && !o.ProbeOnly {
		w.commands = newCommands(w)
		w.work.Go(w.commands.run)
	}
	w.work.Go(w.connectLoop)
	return w, nil
}

// Name is "mqtt".
func (*Sink) Name() string { return "mqtt" }

// Address returns the broker's address.
func (w *Sink) Address() string { return w.address }

func (w *Sink) topic(parts ...string) string { return w.opts.Topic + "/" + strings.Join(parts, "/") }

// current returns the connection, or the reason why there is none.
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
	w.conn, w.lastErr = c, why
	w.mu.Unlock()
	w.connChange.Notify()
}

// Connected returns nil while there is a connection, else the reason why there is none, without credentials.
func (w *Sink) Connected() error {
	_, err := w.current()
	return err
}

// Check waits for a connection, or returns the reason why there is none when ctx ends.
func (w *Sink) Check(ctx context.Context) error {
	var err error
	if !w.connChange.Until(ctx, func() bool { _, err = w.current(); return err == nil }) {
		return fmt.Errorf("MQTT at %s: %w", w.address, err)
	}
	return nil
}

// Deliver publishes an alert and the resulting state of its camera, and returns nil once the broker has acknowledged
// all of it.
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
	// For a repeat, later messages have already set the state.
	if m.Again {
		return nil
	}
	a, err := alerts.Decode(m.Data)
	if err != nil {
		return nil //nolint:nilerr // of a later version, perhaps: who knows it has it by now
	}
	s := stateOf(a)
	// Recorded first: if the connection is lost here, the next one publishes it. Alerts of a camera that is not
	// configured must not leave retained messages.
	w.mu.Lock()
	_, configured := w.retainedStates[m.Camera]
	if configured {
		w.retainedStates[m.Camera] = s
	}
	w.mu.Unlock()
	if !configured {
		return nil
	}
	defer w.withdrawIfRemoved(m.Camera)
	return w.publishState(ctx, c, m.Camera, s)
}

func (w *Sink) publishState(ctx context.Context, c *connection, camera string, s retainedState) error {
	if err := c.publish(ctx, w.topic(camera, "attributes"), []byte(s.attributes), true); err != nil {
		return err
	}
	return c.publish(ctx, w.topic(camera, "state"), []byte(s.state), true)
}

// withdrawIfRemoved makes connectLoop delete a camera's state again if the camera was removed while it was published.
func (w *Sink) withdrawIfRemoved(camera string) {
	w.mu.Lock()
	_, configured := w.retainedStates[camera]
	if !configured {
		w.leftBehind = append(w.leftBehind, w.topic(camera, "attributes"), w.topic(camera, "state"))
	}
	w.mu.Unlock()
	if !configured {
		notify(w.camerasChanged)
	}
}

// SetCameras replaces the configured cameras. It does not block: new ones are announced, and the retained messages of
// the others are deleted, as soon as possible. Status and Switches of a camera that is not configured are ignored.
func (w *Sink) SetCameras(cameras []string) { w.setCameras(cameras, false) }

func (w *Sink) setCameras(cameras []string, incomplete bool) {
	w.mu.Lock()
	w.cameras, w.incomplete = slices.Clone(cameras), incomplete
	for _, camera := range cameras {
		if _, known := w.retainedStates[camera]; !known {
			w.retainedStates[camera] = retainedState{"OFF", "{}"}
		}
	}
	for camera := range w.retainedStates {
		if !slices.Contains(cameras, camera) {
			delete(w.retainedStates, camera)
			delete(w.health, camera)
			delete(w.switches, camera)
			w.commands.forget(camera)
		}
	}
	w.mu.Unlock()
	notify(w.camerasChanged)
}

// configured reports whether a camera is configured.
func (w *Sink) configured(camera string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, is := w.retainedStates[camera]
	return is
}

// Status sets the availability of a camera. It does not block: the last state is published as soon as possible.
func (w *Sink) Status(s alerts.Status) {
	w.mu.Lock()
	if _, configured := w.retainedStates[s.Camera]; configured {
		w.health[s.Camera] = s.State
	}
	w.mu.Unlock()
	notify(w.changed)
}

// Switches sets the switches of a camera, which are published as Status is. Until the first call the camera's topics
// stay as they are, so that a restart does not seem to switch it.
func (w *Sink) Switches(s alerts.Switches) {
	w.mu.Lock()
	if _, configured := w.retainedStates[s.Camera]; configured {
		w.switches[s.Camera] = s
	}
	w.mu.Unlock()
	notify(w.changed)
}

func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// availability maps a camera's state to a payload.
func availability(s alerts.State) string {
	if s.Watched() {
		return Online
	}
	return Offline
}

// Close publishes "offline" and ends the connection.
func (w *Sink) Close() error {
	w.stop()
	w.work.Wait()
	return nil
}
