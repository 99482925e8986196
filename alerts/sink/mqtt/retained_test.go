package mqtt

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/alerts/instance"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// retainedAt returns the retained messages of a broker, by topic.
func retainedAt(t *testing.T, url string) map[string]string {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetUsername(writer).SetPassword(writer).SetClientID(
		"looker-" + alerts.NewID()[14:]))
	if err := wait(alerttest.Within(t), c.Connect(), nil, alerttest.LongWait); err != nil {
		t.Fatal(err)
	}
	defer c.Disconnect(0)
	found, done := map[string]string{}, make(chan struct{})
	complete := false
	onMessage := func(_ paho.Client, m paho.Message) {
		switch {
		case complete: // at least once is twice at times
		case m.Topic() == "marker":
			complete = true
			close(done)
		case m.Retained():
			found[m.Topic()] = string(m.Payload())
		}
	}
	if err := wait(alerttest.Within(t), c.Subscribe("#", 1, onMessage), nil, alerttest.LongWait); err != nil {
		t.Fatal(err)
	}
	c.Publish("marker", 1, false, "")
	<-done
	return found
}

// publishRetainedAt leaves messages at a broker.
func publishRetainedAt(t *testing.T, url string, messages map[string]string) {
	t.Helper()
	// A server may refuse a client soon after another with its id has left.
	c := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetUsername(writer).SetPassword(writer).SetClientID(
		"leaver-" + alerts.NewID()[14:]))
	if err := wait(alerttest.Within(t), c.Connect(), nil, alerttest.LongWait); err != nil {
		t.Fatal(err)
	}
	defer c.Disconnect(250)
	for topic, text := range messages {
		if err := wait(alerttest.Within(t), c.Publish(topic, 1, true, text), nil, alerttest.LongWait); err != nil {
			t.Fatal(err)
		}
	}
}

// topicsOf returns the topics of an installation with these cameras.
func topicsOf(id, topic, discovery string, cameras ...string) []string {
	all := []string{topic + "/availability"}
	for _, c := range cameras {
		all = append(all, topic+"/"+c+"/state", topic+"/"+c+"/attributes", topic+"/"+c+"/availability")
		if discovery != "" {
			all = append(all, discovery+"/binary_sensor/"+id+"_"+c+"/anomaly/config", discovery+"/sensor/"+id+"_"+c+
				"/severity/config")
		}
	}
	slices.Sort(all)
	return all
}

func registry(t *testing.T, dir string) *Registry {
	t.Helper()
	id, err := instance.ID(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenRegistry(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// startSink starts one run of a vigil, connected.
func startSink(t *testing.T, o Options) *Sink {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	if err := w.Check(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	return w
}

// However the configuration changes while vigil is down, the broker then has the retained messages of the current one,
// and those of other programs.
func TestStaleTopicsAreDeleted(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		others := map[string]string{
			"vigil/other": "mine", "homeassistant/binary_sensor/lamp/anomaly/config": `{"origin":{"name":"lamp"}}`,
			"vigil/porch/state": "ON",
		}
		publishRetainedAt(t, s.url(), others)
		dir := t.TempDir()
		for _, step := range []struct {
			name, topic, discovery string
			cameras                []string
		}{
			{"first", "vigil", "homeassistant", []string{"gate", "yard"}},
			{"a camera is renamed", "vigil", "homeassistant", []string{"front-gate", "yard"}},
			{"nothing changes", "vigil", "homeassistant", []string{"front-gate", "yard"}},
			{"another topic", "site1/vigil", "homeassistant", []string{"front-gate"}},
			{"another prefix of Home Assistant", "site1/vigil", "hass", []string{"front-gate"}},
			{"not announced", "site1/vigil", "", []string{"front-gate"}},
			{"no camera", "site1/vigil", "", nil},
		} {
			r := registry(t, dir) // as after a kill: nothing was published at the end
			w, err := New(Options{
				URL: s.url(), User: writer, Password: writer, Registry: r, Topic: step.topic,
				Discovery: step.discovery, Cameras: step.cameras,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Check(alerttest.Within(t)); err != nil {
				t.Fatal(err)
			}
			found := retainedAt(t, s.url())
			want := slices.Sorted(slices.Values(append(topicsOf(w.clientID, step.topic, step.discovery,
				step.cameras...), slices.Collect(maps.Keys(others))...)))
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
				t.Errorf("%s: retained are\n%s\nwant\n%s", step.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for topic, text := range others {
				if found[topic] != text {
					t.Errorf("%s: the foreign %s became %q", step.name, topic, found[topic])
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		// MQTT is no longer configured.
		registry(t, dir).Withdraw(alerttest.Within(t), "", asWriter, slog.New(slog.DiscardHandler))
		if got := retainedAt(t, s.url()); !maps.Equal(got, others) {
			t.Errorf("retained at the end is %v, want %v", got, others)
		}
		if left := registry(t, dir).brokers(); len(left) > 0 {
			t.Errorf("noted are still %v", left)
		}
	})
}

// A killed process has recorded what it announced, and waiting alerts of a camera that is no longer configured leave
// nothing behind.
func TestRenamedCameraAfterKill(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		dir := t.TempDir()
		kill := startVictim(t, s.url(), dir)
		l := listen(t, s.url(), "vigil/#")
		l.until(t, "vigil/yard/availability", Online)
		kill()
		w := startSink(t, Options{
			URL: s.url(), User: writer, Password: writer, Registry: registry(t, dir), Topic: "vigil",
			Discovery: "homeassistant", Cameras: []string{"front-yard"},
		})
		id := alerts.NewID()
		end := event("yard", id, 1, alerts.PhaseEnd)
		data, err := alerts.Encode(end)
		if err != nil {
			t.Fatal(err)
		}
		m := sink.Message{Seq: 1, Camera: "yard", Subject: end.Subject(), ID: end.MessageID(), Data: data}
		if err := w.Deliver(alerttest.Within(t), m); err != nil {
			t.Fatal(err)
		}
		l.until(t, "vigil/yard/availability", "")
		if got, want := slices.Sorted(maps.Keys(retainedAt(t, s.url()))), topicsOf(w.clientID, "vigil", "homeassistant",
			"front-yard"); !slices.Equal(got, want) {
			t.Errorf("retained are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.events) != 1 || l.events[0] != "vigil/events/yard/end "+end.MessageID() {
			t.Errorf("received %v", l.events)
		}
	})
}

// Announcements of earlier versions are deleted if they are of this installation; those of another one with the same
// name stay.
func TestOldAnnouncementsAreReplaced(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		announced := func(topic, camera, state string) map[string]string {
			payload := fmt.Sprintf(`{"origin":{"name":"vigil"},"state_topic":"%s/%s/%s"}`, topic, camera, state)
			if state == "state" {
				return map[string]string{
					"homeassistant/binary_sensor/vigil_" + camera + "/anomaly/config": payload, topic + "/" + camera +
						"/state": "OFF",
					topic + "/" + camera + "/availability": Online, topic + "/" + camera + "/attributes": "{}",
				}
			}
			return map[string]string{"homeassistant/sensor/vigil_" + camera + "/severity/config": payload}
		}
		foreign := announced("site2/vigil", "cellar", "state")
		for _, m := range []map[string]string{
			foreign, announced("vigil", "gate", "state"), announced("vigil", "gate", "attributes"),
			announced("vigil", "yard", "state"),
			announced("vigil", "yard", "attributes"),
		} {
			publishRetainedAt(t, s.url(), m)
		}
		w := startSink(t, Options{
			URL: s.url(), User: writer, Password: writer, Registry: registry(t, t.TempDir()),
			Topic: "vigil", Discovery: "homeassistant", Cameras: []string{"yard"},
		})
		want := slices.Sorted(slices.Values(append(topicsOf(w.clientID, "vigil", "homeassistant", "yard"),
			slices.Collect(maps.Keys(foreign))...)))
		if got := slices.Sorted(maps.Keys(retainedAt(t, s.url()))); !slices.Equal(got, want) {
			t.Errorf("retained are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// Two data directories are two clients also under one topic, and one keeps its identity after a restart.
func TestTwoInstallationsAtOneBroker(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	a, b := registry(t, one), registry(t, two)
	if a.clientID("vigil") == b.clientID("vigil") || a.clientID("site1/vigil") == a.clientID("site2/vigil") {
		t.Error("two have one client id")
	}
	if again := registry(t, one); again.clientID("vigil") != a.clientID("vigil") ||
		len(a.clientID("vigil")+"-check") > 23 {
		t.Errorf("the client id is %q, and then %q", a.clientID("vigil"), again.clientID("vigil"))
	}
	eachBroker(t, func(t *testing.T, s *server) {
		sinks := []*Sink{
			startSink(t, Options{
				URL: s.url(), User: writer, Password: writer, Registry: a, Topic: "vigil",
				Discovery: "homeassistant", Cameras: []string{"gate"},
			}),
			startSink(t, Options{
				URL: s.url(), User: writer, Password: writer, Registry: b, Topic: "vigil",
				Discovery: "homeassistant", Cameras: []string{"yard"},
			}),
		}
		for i, camera := range []string{"gate", "yard"} {
			first, _ := sinks[i].current()
			end := event(camera, alerts.NewID(), 0, alerts.PhaseEnd)
			data, err := alerts.Encode(end)
			if err != nil {
				t.Fatal(err)
			}
			m := sink.Message{Seq: 1, Camera: camera, Subject: end.Subject(), ID: end.MessageID(), Data: data}
			if err := sinks[i].Deliver(alerttest.Within(t), m); err != nil {
				t.Error(err)
			}
			if c, err := sinks[i].current(); c != first || err != nil {
				t.Errorf("%s was thrown out: %v", camera, err)
			}
		}
		found := retainedAt(t, s.url())
		var own struct {
			UniqueID string `json:"unique_id"`
		}
		for i, camera := range []string{"gate", "yard"} {
			text := found["homeassistant/binary_sensor/"+sinks[i].clientID+"_"+camera+"/anomaly/config"]
			if err := json.Unmarshal([]byte(text), &own); err != nil || own.UniqueID != sinks[i].clientID+"_"+camera+
				"_anomaly" {
				t.Errorf("%s is announced as %q: %v", camera, own.UniqueID, err)
			}
		}
	})
}

// A file that is not a registry is left alone and reported.
func TestDamagedRegistry(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, registryFile)
	for _, text := range []string{"", "{", "[]", `{}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := OpenRegistry(dir, "")
		if err == nil || !strings.Contains(err.Error(), path) || r.clientID("x") == "" {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	}
}

// Two copies of one data directory disconnect each other: less and less often, and the reason is logged once.
func TestCopiedIdentity(t *testing.T) {
	port := natstest.FreePort(t)
	natstest.Mosquitto(t, port, "allow_anonymous true")
	r := NewRegistry("")
	logs := make([]alerttest.Log, 2)
	for i := range logs {
		w, err := New(Options{
			URL: fmt.Sprintf("tcp://127.0.0.1:%d", port), Registry: r, Topic: "vigil", Cameras: []string{"gate"},
			Log: slog.New(slog.NewTextHandler(&logs[i], &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	ctx := alerttest.Within(t)
	for i := range logs {
		const text = "another client connects with the client id vigil-"
		alerttest.Eventually(ctx, t, text, func() bool { return logs[i].Count(text) > 0 })
	}
}

func TestPauses(t *testing.T) {
	short, away := newAttempts(), newAttempts()
	for i := range 12 {
		a, b := short.failed(true), away.failed(false)
		want := firstRetry << i
		if a != min(want, maxShortRetry) || b != min(want, maxRetry) {
			t.Errorf("pause %d is %v after a short connection and %v without one", i, a, b)
		}
	}
	if short.short != 12 || away.short != 0 {
		t.Errorf("%d and %d short connections", short.short, away.short)
	}
}

// Two vigils have the same topic: when one ends, the other publishes that it is online.
func TestSharedTopic(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		startSink(t, Options{URL: s.url(), User: writer, Password: writer, Topic: "vigil", Cameras: []string{"gate"}})
		other := startSink(t, Options{
			URL: s.url(), User: writer, Password: writer, Topic: "vigil",
			Cameras: []string{"yard"},
		})
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		for ctx := alerttest.Within(t); ; {
			text := retainedAt(t, s.url())["vigil/availability"]
			if text == Online {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("retained is %q", text)
			}
		}
	})
}
