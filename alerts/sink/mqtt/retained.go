package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/internal/errcode"
)

// searchTimeout bounds the search for retained messages of earlier versions.
const searchTimeout = 5 * time.Second

// retained is a retained message.
type retained struct {
	topic, text string
	unknown     bool // what it says is not known yet: the topic stays as it is
}

// publishRetained publishes the current state after each connection, since a broker may have restarted without its
// data, and deletes stale retained messages: of cameras that are no longer configured, other topics, other names. It
// records in published what publishHealth changes, by topic.
func (w *Sink) publishRetained(ctx context.Context, c *connection, published map[string]string) error {
	wanted, err := w.wanted(published)
	if err != nil {
		return err
	}
	topics := make([]string, 0, len(wanted))
	for _, m := range wanted {
		topics = append(topics, m.topic)
	}
	var old []string
	if w.opts.Discovery != "" && !w.opts.Registry.hasBroker(w.address) {
		if old, err = w.findOldTopics(ctx, c); err != nil {
			return err
		}
	}
	stale, err := w.opts.Registry.addRetained(w.address, topics, old)
	w.warn(err)
	for _, topic := range stale {
		if err := c.publish(ctx, topic, nil, true); err != nil {
			return err
		}
	}
	for _, m := range wanted {
		if m.unknown {
			continue
		}
		if err := c.publish(ctx, m.topic, []byte(m.text), true); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		w.log.Info("MQTT topics that are no longer in use were deleted", "broker", w.address, "topics", len(stale))
	}
	w.warn(w.opts.Registry.setRetained(w.address, topics))
	return nil
}

func (w *Sink) warn(err error) {
	if err != nil {
		WarnRetained(w.log, err)
	}
}

// WarnRetained logs that the registry cannot be read or written.
func WarnRetained(log *slog.Logger, err error) {
	log.Warn("MQTT: topics may stay retained when a camera is renamed", "error", err,
		errcode.Key, errcode.SinkRetained)
}

// wanted returns all retained messages in the order of publishing: vigil's own availability comes last.
func (w *Sink) wanted(published map[string]string) ([]retained, error) {
	w.mu.Lock()
	states, health := maps.Clone(w.retainedStates), maps.Clone(w.health)
	w.mu.Unlock()
	var all []retained
	for _, camera := range w.opts.Cameras {
		found, err := w.discovery(camera)
		if err != nil {
			return nil, err
		}
		changing := append(w.switchStates(camera, time.Now()),
			retained{topic: w.topic(camera, "availability"), text: availability(health[camera])})
		for _, m := range changing {
			if !m.unknown {
				published[m.topic] = m.text
			}
		}
		all = append(append(all, found...),
			retained{topic: w.topic(camera, "attributes"), text: states[camera].attributes},
			retained{topic: w.topic(camera, "state"), text: states[camera].state})
		all = append(all, changing...)
	}
	return append(all, retained{topic: w.topic("availability"), text: Online}), nil
}

// findOldTopics finds the announcements of a version before the Registry: its names were made of the topic's last part.
// If another installation used the same name, its states have other topics, and it is left alone.
func (w *Sink) findOldTopics(ctx context.Context, c *connection) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	var mu sync.Mutex
	var old []string
	seen := make(chan struct{}, 1)
	marker := w.topic("sync", w.clientID)
	handle := func(_ paho.Client, m paho.Message) {
		if m.Topic() == marker {
			select {
			case seen <- struct{}{}:
			default:
			}
			return
		}
		mu.Lock()
		defer mu.Unlock()
		old = append(old, w.oldTopics(m.Topic(), m.Payload())...)
	}
	// Retained messages arrive before those published now.
	filters := map[string]byte{
		w.opts.Discovery + "/binary_sensor/+/anomaly/config": qos, w.opts.Discovery + "/sensor/+/severity/config": qos,
		marker: qos,
	}
	err := c.acknowledged(ctx, c.client.SubscribeMultiple(filters, handle))
	if err == nil {
		err = c.publish(ctx, marker, nil, false)
	}
	if err == nil {
		select {
		case <-seen:
		case <-ctx.Done():
		case <-c.connLost:
		}
		err = c.acknowledged(w.ctx, c.client.Unsubscribe(slices.Collect(maps.Keys(filters))...))
	}
	if gone := c.cause(); gone != nil {
		return nil, gone
	}
	if err != nil { // perhaps not permitted, which must not prevent alerts
		w.log.Debug("the search for MQTT announcements of earlier versions failed", "error", err)
	}
	mu.Lock()
	defer mu.Unlock()
	return old, nil
}

// oldTopics returns the topics to delete if an announcement is an older one of this installation.
func (w *Sink) oldTopics(topic string, payload []byte) []string {
	var announced struct {
		StateTopic string `json:"state_topic"`
		Origin     struct {
			Name string `json:"name"`
		} `json:"origin"`
	}
	if err := json.Unmarshal(payload, &announced); err != nil || announced.Origin.Name != "vigil" {
		return nil
	}
	parts := strings.Split(strings.TrimPrefix(topic, w.opts.Discovery+"/"), "/")
	if len(parts) != 4 {
		return nil
	}
	camera, ok := strings.CutPrefix(parts[1], alerts.CameraName(w.opts.Topic)+"_")
	if !ok || alerts.ValidCamera(camera) != nil || announced.StateTopic != w.topic(camera, "state") &&
		announced.StateTopic != w.topic(camera, "attributes") {
		return nil
	}
	old := []string{topic}
	if !slices.Contains(w.opts.Cameras, camera) && parts[0] == "binary_sensor" {
		old = append(old, w.topic(camera, "state"), w.topic(camera, "attributes"), w.topic(camera, "availability"))
	}
	return old
}

// Withdraw deletes the retained messages at brokers that are not configured any more, all except keep. It tries once,
// without a user and password if login, which may be nil, has none.
func (r *Registry) Withdraw(ctx context.Context, keep string, login func(broker string) (user, password string),
	log *slog.Logger,
) {
	if login == nil {
		login = func(string) (user, password string) { return "", "" }
	}
	for _, broker := range r.brokers() {
		if broker == keep {
			continue
		}
		r.mu.Lock()
		topics := r.record.Retained[broker]
		r.mu.Unlock()
		if err := r.withdraw(ctx, broker, login, topics); err != nil && ctx.Err() == nil {
			log.Warn("topics stay retained at an MQTT broker that is not configured any more; delete them there",
				"broker", broker,
				"topics", topics, "error", err, errcode.Key, errcode.SinkRetained)
		}
	}
}

func (r *Registry) withdraw(ctx context.Context, broker string, known func(string) (user, password string),
	topics []string,
) error {
	user, password := known(broker)
	c, err := dial(ctx, broker, login{clientID: r.clientID("") + "-gone", user: user, password: password})
	if err != nil {
		return err
	}
	defer c.logOut()
	for _, topic := range topics {
		if err := c.publish(ctx, topic, nil, true); err != nil {
			return fmt.Errorf("delete %s: %w", topic, err)
		}
	}
	return r.forget(broker)
}
