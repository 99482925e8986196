package mqtt

import (
	"fmt"
	"path/filepath"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// Home Assistant can subscribe at the embedded broker without a user; only vigil and accounts with rights can publish.
func TestReadersOfTheEmbeddedBroker(t *testing.T) {
	login, port := broker.NewLogin(), natstest.FreePort(t)
	url := fmt.Sprintf("tcp://127.0.0.1:%d", port)
	w := newTestSink(t, Options{URL: url, User: login.User, Password: login.Password})
	t.Cleanup(func() { _ = w.Close() })
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{
			Dir: filepath.Join(t.TempDir(), "store"), Port: -1, MQTTPort: port, MQTTLogin: login,
			MQTTTopics: []string{"vigil", "homeassistant"},
		},
		Sinks: []sink.Sink{w}, Reserve: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	if err := w.Check(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	messages := make(chan string, 100)
	c := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID("home"))
	if err := wait(alerttest.Within(t), c.Connect(), nil, alerttest.LongWait); err != nil {
		t.Fatal(err)
	}
	defer c.Disconnect(0)
	subscribe := func(topic string) error {
		token := c.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) {
			messages <- m.Topic() + " " +
				string(m.Payload())
		})
		if err := wait(alerttest.Within(t), token, nil, alerttest.LongWait); err != nil {
			return err
		}
		if token.(*paho.SubscribeToken).Result()[topic] == 0x80 {
			return fmt.Errorf("%s is refused", topic)
		}
		return nil
	}
	for _, topic := range []string{"vigil/#", "homeassistant/#"} {
		if err := subscribe(topic); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"#", "$JS/#", "other/#", "_INBOX/#", "_INBOX/a/#"} {
		if subscribe(topic) == nil {
			t.Errorf("%s may be subscribed to", topic)
		}
	}
	// Neither these messages nor their retained copies may ever arrive.
	for _, topic := range []string{"vigil/alerts/yard/start", "vigil/events/yard/start", "vigil/yard/state"} {
		if err := wait(alerttest.Within(t), c.Publish(topic, 1, true, "forged"), nil, alerttest.LongWait); err != nil {
			t.Log(err) // the server may not answer
		}
	}
	if err := o.Publish(alerttest.Within(t), event("yard", alerts.NewID(), 0, alerts.PhaseStart)); err != nil {
		t.Fatal(err)
	}
	ctx := alerttest.Within(t)
	for seen := map[string]bool{}; !seen["vigil/yard/state ON"]; {
		select {
		case m := <-messages:
			seen[m] = true
			if len(m) > 6 && m[len(m)-6:] == "forged" {
				t.Errorf("received %s", m)
			}
		case <-ctx.Done():
			t.Fatalf("received %v", seen)
		}
	}
	s, err := o.Conn().JetStream().Stream(alerttest.Within(t), broker.Stream)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("%d messages are stored, want 1", n)
	}
}
