// Package mqtt takes alerts to an MQTT 3.1.1 broker, and announces the cameras to Home Assistant.
//
// An alert of the outbox goes in and is published at QoS 1, as the CloudEvent that it is, to TOPIC/events/<camera>/<phase>. For those who want
// a switch, TOPIC/<camera>/state is ON while an event goes on, with its facts in TOPIC/<camera>/attributes, and TOPIC/availability is the
// last will. The invariants: an alert counts as taken when the broker has acknowledged it and the state; no credential reaches an error.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/alerts/outbox"
)

// Options describe a broker and what is told there.
type Options struct {
	URL      string // tcp://host:1883 or ssl://host:8883
	User     string
	Password string
	TLS      *tls.Config // nil for the system's
	// ClientID must differ between programs at one broker; it is the name of the device behind the cameras, too.
	ClientID string
	// Topic is what every topic begins with. At a NATS server's gateway it must not make a topic that is a subject of alerts;
	// events/ behind it sees to that.
	Topic string
	// Discovery is Home Assistant's prefix; empty announces nothing.
	Discovery string
	Cameras   []string
	// Quiet connects and says nothing, to see whether it can.
	Quiet bool
	Log   *slog.Logger
}

const (
	qos            = 1
	connectTimeout = 5 * time.Second
	ackTimeout     = 10 * time.Second
	keepAlive      = 15 * time.Second
	firstPause     = 250 * time.Millisecond
	longestPause   = 10 * time.Second
	quiesce        = 250 // milliseconds for what is on its way at the end
)

// What availability topics say.
const (
	Online  = "online"
	Offline = "offline"
)

// Way is a way out of the outbox, with a connection of its own that is made again for ever.
type Way struct {
	opts   Options
	log    *slog.Logger
	client paho.Client
	where  string

	ctx  context.Context //nolint:containedctx // of the goroutine that Close ends
	stop context.CancelFunc
	work sync.WaitGroup
	lost chan error

	told sync.Mutex // held while availability is said, so that the last word is the last

	mu     sync.Mutex
	why    error                   // why there is no connection
	state  map[string]sight        // of each camera
	health map[string]alerts.State // of each camera
}

// sight is what the retained topics say of a camera.
type sight struct{ state, attributes string }

// New checks the options and starts to connect. A broker that is away is no error.
func New(o Options) (*Way, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "tcp" && u.Scheme != "ssl" {
		return nil, errors.New("MQTT: the address must be as tcp://host:1883 or ssl://host:8883")
	}
	w := &Way{
		opts: o, log: o.Log, where: u.Scheme + "://" + u.Host, lost: make(chan error, 1),
		state: map[string]sight{}, health: map[string]alerts.State{}, why: errors.New("not connected yet"),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	for _, camera := range o.Cameras {
		w.state[camera] = sight{"OFF", "{}"}
	}
	c := paho.NewClientOptions().AddBroker(w.where).SetClientID(o.ClientID).SetUsername(o.User).SetPassword(o.Password).
		SetConnectTimeout(connectTimeout).SetKeepAlive(keepAlive).SetCleanSession(true).SetProtocolVersion(4).
		// The loop below connects again itself, so that what stands in the way can be said.
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectionLostHandler(func(_ paho.Client, err error) { w.lost <- err })
	if !o.Quiet {
		c.SetWill(w.topic("availability"), Offline, qos, true)
	}
	if o.TLS != nil {
		c.SetTLSConfig(o.TLS)
	}
	w.client = paho.NewClient(c)
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.work.Go(w.stay)
	return w, nil
}

// Name is "mqtt".
func (*Way) Name() string { return "mqtt" }

// Where is the broker's address.
func (w *Way) Where() string { return w.where }

func (w *Way) topic(parts ...string) string { return w.opts.Topic + "/" + strings.Join(parts, "/") }

// stay keeps the connection until Close.
func (w *Way) stay() {
	told := ""
	for pause := firstPause; w.ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := wait(w.ctx, w.client.Connect(), 2*connectTimeout)
		if err == nil {
			pause, told = firstPause, ""
			err = w.greet(w.ctx)
			if err == nil {
				w.log.Info("connected to MQTT", "broker", w.where)
				w.setWhy(nil)
				w.repeatHealth()
				select {
				case <-w.ctx.Done():
					return
				case err = <-w.lost:
				}
			} else {
				w.client.Disconnect(0)
			}
		}
		err = w.clean(err)
		w.setWhy(err)
		if text := err.Error(); text != told && w.ctx.Err() == nil {
			told = text
			w.log.Warn("no connection to MQTT, trying on", "broker", w.where, "error", err)
		}
		select {
		case <-w.ctx.Done():
		case <-time.After(pause):
		}
	}
}

// clean says what would help, without the password.
func (w *Way) clean(err error) error {
	if err == nil {
		err = errors.New("connection lost")
	}
	text := err.Error()
	if w.opts.Password != "" {
		text = strings.ReplaceAll(text, w.opts.Password, "***")
	}
	switch lower := strings.ToLower(text); {
	case strings.Contains(lower, "not authorized"), strings.Contains(lower, "bad user name"), strings.Contains(lower, "not authorised"):
		text += ": user or password is not what this broker expects"
	case strings.Contains(lower, "refused") && strings.Contains(lower, "dial"):
		text += ": no broker answers there: start it, or correct the address"
	case strings.Contains(lower, "unknown authority"):
		text += ": name the certificate authority that the broker's certificate is from"
	}
	return errors.New(text)
}

func (w *Way) setWhy(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.why = err
}

// connected is nil, or why there is no connection.
func (w *Way) connected() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.why == nil && !w.client.IsConnectionOpen() {
		return errors.New("connection lost")
	}
	return w.why
}

// Check waits until there is a connection, or says why there is none when ctx ends.
func (w *Way) Check(ctx context.Context) error {
	for {
		err := w.connected()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("MQTT at %s: %w", w.where, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Deliver publishes an alert and what it changes of its camera's state, and returns nil once the broker has acknowledged all of it.
func (w *Way) Deliver(ctx context.Context, m outbox.Message) error {
	if err := w.connected(); err != nil {
		return fmt.Errorf("MQTT at %s: %w", w.where, err)
	}
	parts := strings.Split(m.Subject, ".")
	if err := w.publish(ctx, w.topic("events", m.Camera, parts[len(parts)-1]), m.Data, false); err != nil {
		return err
	}
	a, err := alerts.Decode(m.Data)
	if err != nil {
		return nil //nolint:nilerr // of a later version, perhaps: who knows it has it by now
	}
	s := sightOf(a)
	if err := w.publish(ctx, w.topic(m.Camera, "attributes"), []byte(s.attributes), true); err != nil {
		return err
	}
	if err := w.publish(ctx, w.topic(m.Camera, "state"), []byte(s.state), true); err != nil {
		return err
	}
	w.mu.Lock()
	w.state[m.Camera] = s
	w.mu.Unlock()
	return nil
}

func (w *Way) publish(ctx context.Context, topic string, data []byte, retained bool) error {
	if err := wait(ctx, w.client.Publish(topic, qos, retained, data), ackTimeout); err != nil {
		return fmt.Errorf("MQTT at %s: publish to %s: %w", w.where, topic, w.clean(err))
	}
	return nil
}

// wait waits for a token, but not for ever.
func wait(ctx context.Context, t paho.Token, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return fmt.Errorf("not acknowledged within %v", most)
	}
}

// Status makes a camera available or not. It does not wait for the broker.
func (w *Way) Status(s alerts.Status) {
	w.told.Lock()
	defer w.told.Unlock()
	w.mu.Lock()
	w.health[s.Camera] = s.State
	w.mu.Unlock()
	w.sayHealth(s.Camera, s.State)
}

func (w *Way) sayHealth(camera string, s alerts.State) {
	if w.connected() == nil {
		w.client.Publish(w.topic(camera, "availability"), qos, true, availability(s))
	}
}

// repeatHealth says what changed while the connection was made.
func (w *Way) repeatHealth() {
	w.told.Lock()
	defer w.told.Unlock()
	w.mu.Lock()
	health := maps.Clone(w.health)
	w.mu.Unlock()
	for camera, s := range health {
		w.sayHealth(camera, s)
	}
}

// availability is what a camera's state means to those who rely on it.
func availability(s alerts.State) string {
	if s.Watched() {
		return Online
	}
	return Offline
}

// Close says that nobody watches any more and ends the connection.
func (w *Way) Close() error {
	if w.connected() == nil && !w.opts.Quiet {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		_ = w.publish(ctx, w.topic("availability"), []byte(Offline), true)
		cancel()
	}
	w.stop()
	w.work.Wait()
	w.client.Disconnect(quiesce)
	return nil
}
