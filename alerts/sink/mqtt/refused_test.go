package mqtt

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/errcode"
	"vigil/internal/natstest"
)

// noSwitch is Options.OnSwitch of tests in which no command comes.
func noSwitch(context.Context, string, alerts.SwitchChange) error { return nil }

// reconnect cuts the connection of a sink and waits for the next one.
func reconnect(t *testing.T, w *Sink) {
	t.Helper()
	before, err := w.current()
	if err != nil {
		t.Fatal(err)
	}
	_ = before.end(errLost)
	alerttest.Eventually(alerttest.Within(t), t, "another connection", func() bool {
		now, err := w.current()
		return err == nil && now != before
	})
}

// Where a broker refuses the subscription to a switch's commands, the switch is not announced, and a warning says so
// once; the other one is there.
func TestRefusedSubscription(t *testing.T) {
	for _, tt := range []struct {
		deny    string
		missing []string
	}{
		{"vigil.*.snooze.set", []string{"snooze"}},
		{"vigil.*.*.set", []string{"enabled", "snooze"}},
	} {
		t.Run(tt.deny, func(t *testing.T) {
			s := &server{port: natstest.FreePort(t)}
			natstest.Launch(t, natstest.FreePort(t), fmt.Sprintf("server_name: far\n%s\n"+
				"mqtt: {port: %d, host: 127.0.0.1}\nauthorization: {users: [\n{user: %s, password: %s, permissions: "+
				"{publish: \">\", subscribe: {allow: \">\", deny: \"%s\"}}}\n]}", natstest.JetStreamIn(t.TempDir()),
				s.port,
				writer, writer, tt.deny))
			var log alerttest.Log
			registry := NewRegistry("")
			o := Options{
				URL: s.url(), User: writer, Password: writer, Registry: registry, Topic: "vigil",
				Discovery: "homeassistant", Cameras: []string{"yard"}, OnSwitch: noSwitch,
				Log: slog.New(errcode.Handler(slog.NewTextHandler(&log, nil))),
			}
			// As if the broker had allowed it before.
			if _, err := registry.addRetained(s.url(), switchTopics(
				registry.clientID("vigil"), "vigil", "homeassistant", "yard"), nil); err != nil {
				t.Fatal(err)
			}
			w := startSink(t, o)
			w.Switches(alerts.Switches{Camera: "yard"})
			want := topicsOf(w.clientID, "vigil", "homeassistant", "yard")
			for _, topic := range switchTopics(w.clientID, "vigil", "homeassistant", "yard") {
				if !slices.ContainsFunc(tt.missing,
					func(name string) bool { return strings.Contains(topic, "/"+name) }) {
					want = append(want, topic)
				}
			}
			slices.Sort(want)
			for range 2 {
				alerttest.Eventually(alerttest.Within(t), t, "the topics of the granted switches", func() bool {
					return slices.Equal(slices.Sorted(maps.Keys(retainedAt(t, s.url()))), want)
				})
				reconnect(t, w)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if n := log.Count("does not permit to subscribe"); n != 1 || log.Count("code=sink.not_allowed") != 1 {
				t.Errorf("%d warnings:\n%s", n, log.String())
			}
			for _, name := range tt.missing {
				if !strings.Contains(log.String(), "the subscription to ") ||
					!strings.Contains(log.String(), "vigil/+/"+name+"/set") {
					t.Errorf("the log does not name %s:\n%s", name, log.String())
				}
			}
			if w.commands.failures != 0 || w.subscribeFailures != 0 {
				t.Errorf("a refusal counts as a failure: %d, %d", w.commands.failures, w.subscribeFailures)
			}
		})
	}
}

// picky is a broker that ends the connection at a subscription to one topic, and acknowledges everything else.
type picky struct {
	cut string

	mu         sync.Mutex
	subscribed map[string]int
	published  map[string]string
}

func (p *picky) serve(conn net.Conn) {
	defer conn.Close()
	for {
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		var reply packets.ControlPacket
		p.mu.Lock()
		switch m := packet.(type) {
		case *packets.ConnectPacket:
			reply = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket) //nolint:errcheck // Its type.
			ack.MessageID, ack.ReturnCodes = m.MessageID, m.Qoss
			for _, topic := range m.Topics {
				p.subscribed[topic]++
			}
			if reply = ack; slices.Contains(m.Topics, p.cut) {
				p.mu.Unlock()
				return
			}
		case *packets.PublishPacket:
			p.published[m.TopicName] = string(m.Payload)
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket) //nolint:errcheck // Its type.
			ack.MessageID = m.MessageID
			reply = ack
		case *packets.PingreqPacket:
			reply = packets.NewControlPacket(packets.Pingresp)
		}
		p.mu.Unlock()
		if reply != nil && reply.Write(conn) != nil {
			return
		}
	}
}

// A broker that ends the connection at a subscription is asked three times for that one; the others have their own
// count.
func TestSubscriptionsFailSeparately(t *testing.T) {
	for cut, what := range map[string]string{"vigil/availability": "the last will", "vigil/+/enabled/set": "commands"} {
		t.Run(what, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			p := &picky{cut: cut, subscribed: map[string]int{}, published: map[string]string{}}
			var work sync.WaitGroup
			work.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					work.Go(func() { p.serve(conn) })
				}
			})
			var log alerttest.Log
			w := startSink(t, Options{
				URL: "tcp://" + l.Addr().String(), Topic: "vigil", Cameras: []string{"yard"}, OnSwitch: noSwitch,
				Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			w.Switches(alerts.Switches{Camera: "yard"})
			w.Status(alerts.Status{Camera: "yard", State: alerts.StateLive})
			alerttest.Eventually(alerttest.Within(t), t, "the state of the camera", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.published["vigil/yard/availability"] == Online
			})
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			work.Wait()
			if n := p.subscribed[cut]; n != maxSubscribeFailures {
				t.Errorf("%d subscriptions to %s", n, cut)
			}
			if cut == "vigil/availability" {
				if p.subscribed["vigil/+/snooze/set"] != 1 || p.published["vigil/yard/snooze"] != "OFF" {
					t.Errorf("there are no commands: %v, %v\n%s", p.subscribed, p.published, log.String())
				}
			} else if _, is := p.published["vigil/yard/enabled"]; is ||
				log.Count("does not permit to subscribe") != 1 ||
				p.subscribed["vigil/availability"] != maxSubscribeFailures+1 {
				t.Errorf("%v, %v\n%s", p.subscribed, p.published, log.String())
			}
		})
	}
}

// A snooze of a year, as the command line sets it, is within what Home Assistant's number can show.
func TestLongSnoozeIsCapped(t *testing.T) {
	w := unconnected("vigil", "yard")
	w.commands = newCommands(w)
	w.commands.received = map[string]bool{snoozeSwitch: true}
	now := time.Now()
	for left, want := range map[time.Duration]string{
		0: "OFF", time.Second: "1", time.Minute: "1", 61 * time.Second: "2", maxSnoozeMinutes * time.Minute: "10080",
		maxSnoozeMinutes*time.Minute + time.Second: "10080", 366 * 24 * time.Hour: "10080",
	} {
		until := now.Add(left)
		w.switches = map[string]alerts.Switches{"yard": {Camera: "yard", SnoozedUntil: &until}}
		got := w.switchStates("yard", now)
		if len(got) != 1 || got[0].topic != "vigil/yard/snooze" || got[0].text != want {
			t.Errorf("%v before its end the state is %+v, want %s", left, got, want)
		}
	}
}
