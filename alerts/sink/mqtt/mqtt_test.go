package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"vigil/alerts"
	"vigil/alerts/broker"
	"vigil/alerts/outbox"
	"vigil/alerts/sink"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// writer is the user and the password of publishers; brokers other than the embedded one accept everybody.
const writer = "writer"

var accounts = []broker.Account{{Name: writer, Password: writer, Rights: broker.Write}}

func asWriter(string) (user, password string) { return writer, writer }

// server is a broker that a test can stop and restart.
type server struct {
	port  int
	start func(t *testing.T)
	stop  func()
}

// eachBroker runs a test against the embedded server's gateway, Debian's nats-server and Mosquitto.
func eachBroker(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("embedded NATS", func(t *testing.T) {
		var b *broker.Server
		s := &server{port: natstest.FreePort(t)}
		dir := t.TempDir()
		s.start = func(t *testing.T) {
			var err error
			if b, err = broker.Start(alerttest.Within(t), broker.Options{
				Dir: dir, Port: -1, MQTTPort: s.port,
				Accounts: accounts,
			}); err != nil {
				t.Fatal(err)
			}
		}
		s.stop = func() { _ = b.Shutdown() }
		t.Cleanup(func() { s.stop() })
		s.start(t)
		test(t, s)
	})
	t.Run("Debian's nats-server", func(t *testing.T) {
		var p *natstest.Process
		s, nats, dir := &server{port: natstest.FreePort(t)}, natstest.FreePort(t), t.TempDir()
		s.start = func(t *testing.T) {
			p = natstest.Launch(t, nats, fmt.Sprintf("server_name: far\n%s\nmqtt: {port: %d, host: 127.0.0.1}",
				natstest.JetStreamIn(dir), s.port))
		}
		s.stop = func() { p.Kill() }
		s.start(t)
		test(t, s)
	})
	t.Run("Mosquitto", func(t *testing.T) {
		var p *natstest.Process
		s := &server{port: natstest.FreePort(t)}
		s.start = func(t *testing.T) { p = natstest.Mosquitto(t, s.port, "allow_anonymous true") }
		s.stop = func() { p.Kill() }
		s.start(t)
		test(t, s)
	})
}

func (s *server) url() string { return fmt.Sprintf("tcp://127.0.0.1:%d", s.port) }

// listener is a plain client that stores the messages it receives.
type listener struct {
	client paho.Client
	mu     sync.Mutex
	last   map[string]string
	events []string
	news   chan struct{}
}

func listen(t *testing.T, url, topic string) *listener {
	t.Helper()
	l := &listener{last: map[string]string{}, news: make(chan struct{}, 1)}
	o := paho.NewClientOptions().AddBroker(url).SetUsername(writer).SetPassword(writer).SetClientID(
		"listener").SetCleanSession(false).SetConnectRetry(true).
		SetConnectRetryInterval(100 * time.Millisecond).SetMaxReconnectInterval(200 * time.Millisecond)
	onMessage := func(_ paho.Client, m paho.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last[m.Topic()] = string(m.Payload())
		if strings.Contains(m.Topic(), "/events/") {
			if a, err := alerts.Decode(m.Payload()); err == nil {
				l.events = append(l.events, m.Topic()+" "+a.MessageID())
			} else {
				l.events = append(l.events, err.Error())
			}
		}
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
	// A broker without a disk loses its subscriptions.
	ready := make(chan struct{}, 100)
	o.SetOnConnectHandler(func(c paho.Client) {
		c.Subscribe(topic, 1, onMessage).Wait()
		ready <- struct{}{}
	})
	l.client = paho.NewClient(o)
	if err := wait(alerttest.Within(t), l.client.Connect(), nil, alerttest.LongWait); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.client.Disconnect(0) })
	<-ready
	return l
}

// until waits for a payload on a topic.
func (l *listener) until(t *testing.T, topic, want string) {
	t.Helper()
	l.untilIs(t, topic, want, func(got string) bool { return got == want })
}

func (l *listener) untilIs(t *testing.T, topic, want string, is func(string) bool) {
	t.Helper()
	ctx := alerttest.Within(t)
	for {
		l.mu.Lock()
		got := l.last[topic]
		l.mu.Unlock()
		if is(got) {
			return
		}
		select {
		case <-l.news:
		case <-ctx.Done():
			t.Fatalf("%s is %q, want %q", topic, got, want)
		}
	}
}

// event is a message of an event in a zone.
func event(camera, id string, seq int, phase alerts.Phase) alerts.Alert {
	a := alerttest.Event(camera, id, seq, phase)
	a.Zones = []string{"gate"}
	return a
}

func newTestSink(t *testing.T, o Options) *Sink {
	t.Helper()
	o.Topic, o.Discovery, o.Cameras = "vigil", "homeassistant", []string{"yard"}
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func openTestOutbox(t *testing.T, w *Sink) *outbox.Outbox {
	t.Helper()
	o, err := outbox.Open(alerttest.Within(t), outbox.Options{
		Server: broker.Options{Dir: filepath.Join(t.TempDir(), "store"), NoListen: true}, Sinks: []sink.Sink{w},
		Reserve:      1 << 20,
		LongestPause: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// An event is published, changes the camera's state, and is announced; the broker dies in the middle and no message is
// lost.
func TestAlertsSurviveBrokerRestart(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		w := newTestSink(t, Options{URL: s.url(), User: writer, Password: writer})
		o := openTestOutbox(t, w)
		l := listen(t, s.url(), "#")
		w.Status(alerts.Status{Camera: "yard", State: alerts.StateLive})
		l.until(t, "vigil/availability", Online)
		l.until(t, "vigil/yard/availability", Online)
		l.until(t, "vigil/yard/state", "OFF")
		id := alerts.NewID()
		publish := func(seq int, phase alerts.Phase) {
			t.Helper()
			if err := o.Publish(alerttest.Within(t), event("yard", id, seq, phase)); err != nil {
				t.Fatal(err)
			}
		}
		publish(0, alerts.PhaseStart)
		l.until(t, "vigil/yard/state", "ON")
		s.stop()
		publish(1, alerts.PhaseUpdate)
		publish(2, alerts.PhaseEnd)
		s.start(t)
		l.until(t, "vigil/yard/state", "OFF")
		if err := o.Drain(alerttest.Within(t)); err != nil {
			t.Fatal(err)
		}
		// A listener that reconnects receives the retained messages in any order.
		l.untilIs(t, "vigil/yard/attributes", "the end",
			func(text string) bool { return strings.Contains(text, "end_reason") })
		l.mu.Lock()
		var config map[string]any
		if err := json.Unmarshal([]byte(l.last["homeassistant/binary_sensor/"+w.clientID+"_yard/anomaly/config"]),
			&config); err != nil {
			t.Error(err)
		}
		if config["state_topic"] != "vigil/yard/state" || config["unique_id"] != w.clientID+"_yard_anomaly" {
			t.Errorf("announced %v", config)
		}
		var about attributes
		if err := json.Unmarshal([]byte(l.last["vigil/yard/attributes"]), &about); err != nil ||
			about.EndReason != "calm" || *about.Severity != 0 || *about.PeakSeverity != 0.7 {
			t.Errorf("attributes %+v, %v", about, err)
		}
		l.mu.Unlock()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		l.until(t, "vigil/availability", Offline)
	})
}

// A killed process publishes nothing; the broker publishes its last will.
func TestLastWill(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		proxy := newSeverableProxy(t, s.port)
		w := newTestSink(t, Options{URL: "tcp://" + proxy.addr, User: writer, Password: writer})
		defer w.Close()
		l := listen(t, s.url(), "vigil/availability")
		l.until(t, "vigil/availability", Online)
		proxy.close()
		l.until(t, "vigil/availability", Offline)
	})
}

// role is the environment variable that makes the test's program a process that connects to the broker it names, to be
// killed.
const role = "VIGIL_TEST_MQTT"

func TestMain(m *testing.M) {
	url := os.Getenv(role)
	if url == "" {
		os.Exit(m.Run())
	}
	r, err := OpenRegistry(os.Getenv(role+"_DIR"), "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	w, err := New(Options{
		URL: url, User: writer, Password: writer, Registry: r, Topic: "vigil",
		Discovery: "homeassistant", Cameras: []string{"yard"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	w.Status(alerts.Status{Camera: "yard", State: alerts.StateLive})
	select {}
}

// startVictim starts that process and returns a function that kills it.
func startVictim(t *testing.T, url, dir string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+url, role+"_DIR="+dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	return kill
}

// The whole process is killed, as by the system when memory runs out.
func TestLastWillOfKilledProcess(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		kill := startVictim(t, s.url(), t.TempDir())
		l := listen(t, s.url(), "vigil/#")
		l.until(t, "vigil/availability", Online)
		l.until(t, "vigil/yard/availability", Online)
		kill()
		l.until(t, "vigil/availability", Offline)
		// Later subscribers receive it too.
		listen(t, s.url(), "vigil/availability").until(t, "vigil/availability", Offline)
	})
}

func TestEventsKeepTheirOrder(t *testing.T) {
	eachBroker(t, func(t *testing.T, s *server) {
		l := listen(t, s.url(), "vigil/#")
		w := newTestSink(t, Options{URL: s.url(), User: writer, Password: writer})
		defer w.Close()
		o := openTestOutbox(t, w)
		var want []string
		for range 5 {
			id := alerts.NewID()
			for seq, phase := range []alerts.Phase{alerts.PhaseStart, alerts.PhaseUpdate, alerts.PhaseEnd} {
				a := event("yard", id, seq, phase)
				if err := o.Publish(alerttest.Within(t), a); err != nil {
					t.Fatal(err)
				}
				want = append(want, "vigil/events/yard/"+string(phase)+" "+a.MessageID())
			}
		}
		if err := o.Drain(alerttest.Within(t)); err != nil {
			t.Fatal(err)
		}
		l.until(t, "vigil/yard/state", "OFF")
		ctx := alerttest.Within(t)
		for {
			l.mu.Lock()
			got := len(l.events)
			l.mu.Unlock()
			if got >= len(want) {
				break
			}
			select {
			case <-l.news:
			case <-ctx.Done():
				t.Fatal("events are missing")
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if fmt.Sprint(l.events) != fmt.Sprint(want) {
			t.Errorf("received %v\nwant %v", l.events, want)
		}
	})
}

func TestConnectionErrors(t *testing.T) {
	password := filepath.Join(t.TempDir(), "none")
	port := natstest.FreePort(t)
	natstest.Mosquitto(t, port, "allow_anonymous false\n# "+password)
	for name, c := range map[string]struct{ url, want string }{
		"password": {fmt.Sprintf("tcp://127.0.0.1:%d", port), "user or password"},
		"nobody":   {fmt.Sprintf("tcp://127.0.0.1:%d", natstest.FreePort(t)), "no broker answers there"},
	} {
		w := newTestSink(t, Options{URL: c.url, User: "joe", Password: "hunter2"})
		ctx, cancel := context.WithTimeout(alerttest.Within(t), 2*time.Second)
		err := w.Check(ctx)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Deliver(ctx, sink.Message{Subject: "a.b"}); err == nil {
			t.Errorf("%s: delivered", name)
		}
		cancel()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(Options{URL: "http://x"}); err == nil {
		t.Error("an address that is none was taken")
	}
}

// severableProxy is a connection to a broker that can be cut.
type severableProxy struct {
	addr  string
	close func()
}

func newSeverableProxy(t *testing.T, port int) *severableProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var conns []net.Conn
	s := &severableProxy{addr: ln.Addr().String()}
	s.close = func() {
		_ = ln.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	}
	t.Cleanup(s.close)
	go func() {
		for {
			near, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				_ = near.Close()
				continue
			}
			mu.Lock()
			conns = append(conns, near, far)
			mu.Unlock()
			pipe := func(a, b net.Conn) {
				buf := make([]byte, 4096)
				for {
					n, err := a.Read(buf)
					if n > 0 {
						_, _ = b.Write(buf[:n])
					}
					if err != nil {
						_ = b.Close()
						return
					}
				}
			}
			go pipe(near, far)
			go pipe(far, near)
		}
	}()
	return s
}
