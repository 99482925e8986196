package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// Payloads of the topics of switches.
const (
	switchOn  = "ON"
	switchOff = "OFF"
)

const (
	// maxSnoozeMinutes bounds a snooze over MQTT: a week.
	maxSnoozeMinutes = 7 * 24 * 60
	// maxCommandBytes bounds the payload of a command.
	maxCommandBytes = 16
	// snoozeStep is the unit of what is left of a snooze.
	snoozeStep = time.Minute

	// commandQueue is how many commands may wait: more are ignored. commandBurst commands of one camera may come at
	// once, and one more every commandEvery.
	commandQueue = 16
	commandBurst = 10
	commandEvery = 2 * time.Second
	// ignoredEvery is the shortest interval of log lines about ignored commands.
	ignoredEvery = 10 * time.Second
)

// command is one that was received.
type command struct {
	camera string
	change alerts.SwitchChange
}

// commands receives commands. What comes from a broker may come from anybody: it counts only if it is valid, about a
// configured camera, new (not retained) and not too frequent.
type commands struct {
	sink  *Sink
	queue chan command
	now   func() time.Time
	// received are the switches, enabled and snooze, whose commands come over the connection. failures is the number of
	// consecutive connections that ended, or gave no answer, at the subscription, and warned whether the log has that
	// there are no commands. They belong to connectLoop.
	received map[string]bool
	failures int
	failedAt time.Time // the last of them
	warned   bool

	mu      sync.Mutex
	budgets map[string]*budget // by configured camera
	// ignored counts ignored commands since the latest log line about them, at logged.
	ignored  int
	loggedAt time.Time
	// total counts all ignored commands.
	total atomic.Uint64
}

// budget is a bucket of tokens.
type budget struct {
	tokens float64
	at     time.Time
}

func newCommands(w *Sink) *commands {
	return &commands{
		sink: w, queue: make(chan command, commandQueue), now: time.Now, budgets: map[string]*budget{},
	}
}

// run executes commands until Close.
func (c *commands) run() {
	for {
		select {
		case <-c.sink.ctx.Done():
			return
		case next := <-c.queue:
			if err := c.sink.opts.OnSwitch(c.sink.ctx, next.camera, next.change); err != nil &&
				!errors.Is(err, context.Canceled) {
				c.sink.log.Warn("a command over MQTT failed", "camera", next.camera, "change", next.change.Action,
					"error", errcode.SinkCommand.Default(err))
			}
		}
	}
}

// The switches, by their level in the topics.
const (
	enabledSwitch = "enabled"
	snoozeSwitch  = "snooze"
)

// subscribeAgain is how long after maxSubscribeFailures a new connection tries to subscribe again: they may have been a
// broker that was restarting.
const subscribeAgain = 10 * time.Minute

// subscriptionRefused is the return code of a subscription that failed (MQTT 3.1.1, 3.9.3).
const subscriptionRefused = 0x80

// subscribe subscribes to the commands. A switch without the right to subscribe is not announced; it returns an error
// only if the connection has ended.
func (c *commands) subscribe(conn *connection) error {
	if c == nil {
		return nil
	}
	c.received = map[string]bool{}
	if c.failures >= maxSubscribeFailures && time.Since(c.failedAt) < subscribeAgain {
		return nil
	}
	filters, switches := map[string]byte{}, map[string]string{}
	for _, name := range []string{enabledSwitch, snoozeSwitch} {
		filter := c.sink.topic("+", name, "set")
		filters[filter], switches[filter] = qos, name
	}
	token := conn.client.SubscribeMultiple(filters, func(_ paho.Client, m paho.Message) {
		c.receive(m.Topic(), m.Payload(), m.Retained())
	})
	err := conn.acknowledged(c.sink.ctx, token)
	if err == nil {
		c.failures = 0
		err = c.checkGranted(token, switches)
	} else if c.sink.ctx.Err() == nil {
		c.failures++
		c.failedAt = time.Now()
	}
	lost := conn.cause()
	switch {
	case err == nil:
		c.warned = false
	case !c.warned && (lost == nil || c.failures >= maxSubscribeFailures):
		c.warned = true
		c.sink.log.Warn("MQTT: the broker does not permit to subscribe to commands: cameras cannot be switched over it",
			"topic", c.sink.topic("+", "+", "set"), "error", errcode.SinkNotAllowed.Default(c.sink.describe(err)))
	}
	return lost
}

// checkGranted records which switches the broker lets us subscribe to. paho reports a refused subscription as a
// success.
func (c *commands) checkGranted(t paho.Token, switches map[string]string) error {
	granted := t.(*paho.SubscribeToken).Result() //nolint:errcheck // SubscribeMultiple returns no other type.
	var refused []string
	for filter, name := range switches {
		if code, answered := granted[filter]; answered && code != subscriptionRefused {
			c.received[name] = true
		} else {
			refused = append(refused, filter)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	slices.Sort(refused)
	return errcode.SinkNotAllowed.New("the broker refuses the subscription to " + strings.Join(refused, " and "))
}

// receive checks a message and queues its command. It does not block.
func (c *commands) receive(topic string, payload []byte, retained bool) {
	next, err := c.parse(topic, payload, retained)
	if err == nil && !c.allow(next.camera) {
		err = errors.New("too many commands come for this camera")
	}
	if err == nil {
		select {
		case c.queue <- next:
			return
		default:
			err = errors.New("too many commands wait")
		}
	}
	c.ignore(topic, err)
}

// parse reads a command. Its errors do not quote the payload.
func (c *commands) parse(topic string, payload []byte, retained bool) (next command, err error) {
	rest, _ := strings.CutPrefix(topic, c.sink.opts.Topic+"/")
	parts := strings.Split(rest, "/")
	if len(parts) != 3 || parts[1] != enabledSwitch && parts[1] != snoozeSwitch || parts[2] != "set" {
		return next, errors.New("this is not the topic of a switch")
	}
	next.camera = parts[0]
	switch {
	case !c.sink.configured(next.camera):
		return next, errors.New("no camera of this name is configured")
	case retained:
		return next, errors.New("it is retained, so it may be old: publish commands without the retain flag")
	case len(payload) > maxCommandBytes:
		return next, fmt.Errorf("it has %d bytes, at most %d are allowed", len(payload), maxCommandBytes)
	}
	text := string(payload)
	switch {
	case parts[1] == enabledSwitch && text == switchOn:
		next.change.Action = alerts.ActionResume
	case parts[1] == enabledSwitch && text == switchOff:
		next.change.Action = alerts.ActionPause
	case parts[1] == enabledSwitch:
		return next, errors.New("it must be ON or OFF")
	case text == switchOff:
		next.change.Action = alerts.ActionSnoozeOff
	default:
		minutes, err := parseMinutes(text)
		switch {
		case err != nil:
			return next, err
		case minutes == 0:
			next.change.Action = alerts.ActionSnoozeOff
		default:
			next.change = alerts.SwitchChange{
				Action: alerts.ActionSnooze, Until: c.now().Add(time.Duration(minutes) * time.Minute),
			}
		}
	}
	return next, nil
}

// parseMinutes reads whole minutes. Home Assistant may write them as 30.0.
func parseMinutes(text string) (int, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 16)
	if err != nil || strings.Trim(fraction, "0") != "" || n > maxSnoozeMinutes {
		return 0, fmt.Errorf("it must be whole minutes, at most %d, or OFF", maxSnoozeMinutes)
	}
	return int(n), nil
}

// forget frees what is kept of a camera that is not configured any more.
func (c *commands) forget(camera string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.budgets, camera)
}

// allow takes a token of a configured camera.
func (c *commands) allow(camera string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	b := c.budgets[camera]
	if b == nil {
		b = &budget{commandBurst, now}
		c.budgets[camera] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(commandBurst, b.tokens+float64(passed)/float64(commandEvery))
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// CommandsIgnored returns the number of commands that were ignored.
func (w *Sink) CommandsIgnored() uint64 {
	if w.commands == nil {
		return 0
	}
	return w.commands.total.Load()
}

// maxTopicShown bounds a topic in the log.
const maxTopicShown = 100

// ignore logs an ignored command, and the number of those since the latest line.
func (c *commands) ignore(topic string, why error) {
	c.total.Add(1)
	c.mu.Lock()
	now := c.now()
	if !c.loggedAt.IsZero() && now.Sub(c.loggedAt) < ignoredEvery {
		c.ignored++
		c.mu.Unlock()
		return
	}
	others := c.ignored
	c.ignored, c.loggedAt = 0, now
	c.mu.Unlock()
	if len(topic) > maxTopicShown {
		topic = topic[:maxTopicShown] + "..."
	}
	c.sink.log.Log(c.sink.ctx, slog.LevelWarn, "a command over MQTT is ignored", "topic", topic, "reason", why.Error(),
		"ignored_before", others, errcode.Key, errcode.SinkCommand)
}

// switchStates are the retained topics of those switches of a camera whose commands are received.
func (w *Sink) switchStates(camera string, now time.Time) []retained {
	if w.commands == nil {
		return nil
	}
	w.mu.Lock()
	set, known := w.switches[camera]
	w.mu.Unlock()
	s := set.Active(now)
	enabled, snooze := switchOn, switchOff
	if s.Paused {
		enabled = switchOff
	}
	if s.SnoozedUntil != nil {
		// Others may snooze it for longer than Home Assistant's number can show.
		left := min((s.SnoozedUntil.Sub(now)+snoozeStep-1)/snoozeStep, maxSnoozeMinutes)
		snooze = strconv.FormatInt(int64(left), 10)
	}
	var states []retained
	for _, of := range []struct{ name, text string }{{enabledSwitch, enabled}, {snoozeSwitch, snooze}} {
		if w.commands.received[of.name] {
			states = append(states, retained{topic: w.topic(camera, of.name), text: of.text, unknown: !known})
		}
	}
	return states
}
