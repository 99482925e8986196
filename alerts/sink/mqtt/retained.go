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
	delivered   bool // deliveries publish it, too
}

// announced is what was published over a connection. It belongs to connectLoop.
type announced struct {
	cameras []string
	texts   map[string]string // of the retained topics, but not what deliveries have published
}

// publishRetained publishes what the connection has not published yet: after it is made everything, since a broker may
// have restarted without its data. It deletes stale retained messages: of cameras that are no longer configured, other
// topics, other names.
func (w *Sink) publishRetained(ctx context.Context, c *connection, done *announced) error {
	w.mu.Lock()
	cameras, incomplete, old := w.cameras, w.incomplete, slices.Clone(w.leftBehind)
	left := len(old)
	states, health := maps.Clone(w.retainedStates), maps.Clone(w.health)
	w.mu.Unlock()
	wanted, err := w.wanted(cameras, states, health)
	if err != nil {
		return err
	}
	topics := make([]string, 0, len(wanted))
	for _, m := range wanted {
		topics = append(topics, m.topic)
	}
	if w.opts.Discovery != "" && !w.opts.Registry.hasBroker(w.address) {
		found, err := w.findOldTopics(ctx, c)
		if err != nil {
			return err
		}
		old = append(old, found...)
	}
	stale, err := w.opts.Registry.addRetained(w.address, topics, old)
	w.warn(err)
	w.mu.Lock()
	w.leftBehind = slices.Clone(w.leftBehind[min(left, len(w.leftBehind)):]) // these are in the registry's record now
	w.mu.Unlock()
	if incomplete {
		stale = nil // they stay in the registry's record
	}
	for _, topic := range stale {
		if err := c.publish(ctx, topic, nil, true); err != nil {
			return err
		}
		delete(done.texts, topic)
	}
	done.cameras = cameras
	for _, m := range wanted {
		before, published := done.texts[m.topic]
		if m.unknown || published && (m.delivered || before == m.text) {
			continue
		}
		if err := c.publish(ctx, m.topic, []byte(m.text), true); err != nil {
			return err
		}
		done.texts[m.topic] = m.text
	}
	for camera, s := range states {
		if err := w.publishNewerState(ctx, c, camera, s); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		w.log.Info("MQTT topics that are no longer in use were deleted", "broker", w.address, "topics", len(stale))
	}
	if !incomplete {
		w.warn(w.opts.Registry.setRetained(w.address, topics))
	}
	return nil
}

// publishNewerState publishes a camera's state again if a delivery has changed it while s was published: the delivery
// may have been the first of the two.
func (w *Sink) publishNewerState(ctx context.Context, c *connection, camera string, s retainedState) error {
	for {
		w.mu.Lock()
		now, configured := w.retainedStates[camera]
		w.mu.Unlock()
		if !configured || now == s {
			return nil
		}
		if err := w.publishState(ctx, c, camera, now); err != nil {
			return err
		}
		s = now
	}
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
func (w *Sink) wanted(cameras []string, states map[string]retainedState, health map[string]alerts.State) (
	[]retained, error,
) {
	var all []retained
	for _, camera := range cameras {
		found, err := w.discovery(camera)
		if err != nil {
			return nil, err
		}
		changing := append(w.switchStates(camera, time.Now()),
			retained{topic: w.topic(camera, "availability"), text: availability(health[camera])})
		all = append(append(all, found...),
			retained{topic: w.topic(camera, "attributes"), text: states[camera].attributes, delivered: true},
			retained{topic: w.topic(camera, "state"), text: states[camera].state, delivered: true})
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
	if !w.configured(camera) && parts[0] == "binary_sensor" {
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
