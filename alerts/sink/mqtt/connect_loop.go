package mqtt

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"syscall"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts/sink"
	"vigil/internal/errcode"
	"vigil/internal/retry"
)

const (
	// firstRetry is the pause after the first failed attempt to reach a broker, and maxRetry the longest; maxShortRetry
	// is the longest if the broker accepts the connection and ends it soon after.
	firstRetry    = 250 * time.Millisecond
	maxRetry      = 10 * time.Second
	maxShortRetry = time.Minute
	// stableAfter is how long a connection must last to count as stable.
	stableAfter = 10 * time.Second
	// goodbyeTimeout bounds publishing the last states at the end.
	goodbyeTimeout = 2 * time.Second
	// maxSubscribeFailures is how many connections may break, or give no answer, at a subscription; then no further
	// subscription is tried.
	maxSubscribeFailures = 3
)

// attempts are the connections since the last stable one.
type attempts struct {
	wait   retry.Backoff // before the next
	short  int           // number of consecutive short connections
	logged string        // the last reason that was logged
}

func newAttempts() attempts { return attempts{wait: retry.Backoff{First: firstRetry}} }

// failed records that there is no connection, because dialling failed, the connection was short, or a stable one was
// lost, and returns the pause before the next attempt.
func (a *attempts) failed(short bool) time.Duration {
	a.wait.Max = maxRetry
	if short {
		a.short++
		a.wait.Max = maxShortRetry
	}
	return a.wait.Next()
}

// connectLoop reconnects until Close.
func (w *Sink) connectLoop() {
	tried := newAttempts()
	for w.ctx.Err() == nil {
		short, err := w.holdConnection(&tried)
		w.setCurrent(nil, w.describe(err))
		if w.ctx.Err() != nil {
			return
		}
		pause := tried.failed(short)
		if tried.short > 1 && endedByBroker(err) {
			err = errcode.SinkClientID.New(
				"the broker keeps ending the connection soon after it is made: perhaps another client " +
					"connects with " +
					"the client id " + w.clientID + ", as one with a copy of this data_dir")
			w.setCurrent(nil, err)
		}
		if text := w.describe(err).Error(); text != tried.logged {
			tried.logged = text
			w.log.Warn("no connection to MQTT, retrying", "broker", w.address, "error", text,
				errcode.Key, cmp.Or(errcode.Of(w.describe(err)), errcode.SinkUnreachable))
		}
		retry.Sleep(w.ctx, pause)
	}
}

// endedByBroker reports whether the broker ended a connection.
func endedByBroker(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// holdConnection connects, publishes the retained messages, and holds the connection for as long as it lasts. It
// reports whether that was short.
func (w *Sink) holdConnection(tried *attempts) (short bool, err error) {
	in := login{clientID: w.clientID, user: w.opts.User, password: w.opts.Password, tls: w.opts.TLS}
	if !w.opts.ProbeOnly {
		in.will = w.topic("availability")
	}
	c, err := dial(w.ctx, w.address, in)
	if err != nil {
		return false, err
	}
	done, denied := announced{texts: map[string]string{}}, make(chan struct{}, 1)
	if !w.opts.ProbeOnly {
		err := w.watchAvailability(c, denied)
		if err == nil {
			err = w.commands.subscribe(c)
		}
		if err == nil {
			err = w.publishRetained(w.ctx, c, &done)
		}
		if err != nil {
			c.drop(err)
			return true, err
		}
	}
	w.setCurrent(c, nil)
	if tried.short == 0 {
		w.log.Info("connected to MQTT", "broker", w.address, "client_id", w.clientID)
	}
	short = true
	stable := time.NewTimer(stableAfter)
	defer stable.Stop()
	minute := time.NewTicker(snoozeStep)
	defer minute.Stop()
	for {
		select {
		case <-c.connLost:
			c.drop(nil)
			return short, c.cause()
		case <-stable.C:
			if tried.short > 0 {
				w.log.Info("connected to MQTT again", "broker", w.address, "client_id", w.clientID)
			}
			*tried, short = newAttempts(), false
		case <-w.camerasChanged:
			if err := w.publishRetained(w.ctx, c, &done); err != nil && w.ctx.Err() == nil {
				c.drop(err)
				return short, err
			}
		case <-w.changed:
			if err := w.publishHealth(w.ctx, c, &done); err != nil && w.ctx.Err() == nil {
				c.drop(err)
				return short, err
			}
		case <-minute.C: // what is left of a snooze changes
			if err := w.publishHealth(w.ctx, c, &done); err != nil && w.ctx.Err() == nil {
				c.drop(err)
				return short, err
			}
		case <-denied:
			if !short { // before that it may be the last will of our own previous connection
				w.log.Warn("another client publishes at MQTT that vigil is offline: give each vigil at one broker a "+
					"topic "+
					"of its own (mqtt.topic)",
					"broker", w.address, "topic", w.topic("availability"), errcode.Key, errcode.SinkSharedTopic)
			}
			if err := c.publish(w.ctx, w.topic("availability"), []byte(Online), true); err != nil &&
				w.ctx.Err() == nil {
				c.drop(err)
				return short, err
			}
		case <-w.ctx.Done():
			w.goodbye(c, &done)
			return short, w.ctx.Err()
		}
	}
}

// watchAvailability signals denied when another client publishes "offline" to our availability topic. Without the right
// to subscribe there is no signal.
func (w *Sink) watchAvailability(c *connection, denied chan<- struct{}) error {
	if w.subscribeFailures >= maxSubscribeFailures {
		return nil
	}
	err := c.acknowledged(w.ctx, c.client.Subscribe(w.topic("availability"), qos, func(_ paho.Client, m paho.Message) {
		if string(m.Payload()) != Offline || m.Retained() { // retained messages are older
			return
		}
		select {
		case denied <- struct{}{}:
		default:
		}
	}))
	if err != nil && w.ctx.Err() == nil {
		w.subscribeFailures++
		w.log.Debug("MQTT: cannot subscribe to vigil's own topic", "topic", w.topic("availability"), "error",
			w.describe(err))
	}
	return c.cause()
}

// publishHealth publishes changes of the availability and switches of the cameras that are announced.
func (w *Sink) publishHealth(ctx context.Context, c *connection, done *announced) error {
	if w.opts.ProbeOnly {
		return nil
	}
	w.mu.Lock()
	health := maps.Clone(w.health)
	w.mu.Unlock()
	for _, camera := range done.cameras {
		changing := append(w.switchStates(camera, time.Now()),
			retained{topic: w.topic(camera, "availability"), text: availability(health[camera])})
		for _, m := range changing {
			if m.unknown || done.texts[m.topic] == m.text {
				continue
			}
			if err := c.publish(ctx, m.topic, []byte(m.text), true); err != nil {
				return err
			}
			done.texts[m.topic] = m.text
		}
	}
	return nil
}

// goodbye publishes the last states and "offline". If the broker does not accept that, the last will does the same.
func (w *Sink) goodbye(c *connection, done *announced) {
	w.setCurrent(nil, errors.New("closed"))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), goodbyeTimeout)
	defer cancel()
	err := w.publishHealth(ctx, c, done)
	if err == nil && !w.opts.ProbeOnly {
		err = c.publish(ctx, w.topic("availability"), []byte(Offline), true)
	}
	if err != nil {
		c.drop(err)
		return
	}
	c.logOut()
}

// describe adds a remedy, without the password and with a text that is the same each time.
func (w *Sink) describe(err error) error {
	if err == nil {
		err = errors.New("connection lost")
	}
	text := sink.Steady(err)
	if w.opts.Password != "" {
		text = strings.ReplaceAll(text, w.opts.Password, "***")
	}
	hint, code := "", cmp.Or(errcode.Of(err), errcode.SinkUnreachable)
	switch lower := strings.ToLower(text); {
	case strings.Contains(lower, "not authorized"), strings.Contains(lower, "bad user name"),
		strings.Contains(lower, "not authorised"):
		code = errcode.SinkUnauthorized
		hint = ": user or password is not what this broker expects"
	case strings.Contains(lower, "refused") && strings.Contains(lower, "dial"):
		hint = ": no broker answers there: start it, or correct the address"
	case strings.Contains(lower, "unknown authority"):
		code = errcode.SinkTLS
		hint = ": name the certificate authority that the broker's certificate is from"
	case strings.Contains(lower, "x509"), strings.Contains(lower, "tls:"):
		code = errcode.SinkTLS
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
		hint = ": the broker ended the connection"
	}
	if hint != "" && !strings.HasSuffix(text, hint) {
		text += hint
	}
	return code.Wrap(errors.New(text))
}
