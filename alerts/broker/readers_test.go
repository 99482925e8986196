package broker

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"vigil/internal/alerttest"
)

// If a user is configured, or other machines reach the server, reading requires an account.
func TestAnonymousReaders(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		open bool
	}{
		"this machine": {Options{}, true},
		"this machine, with accounts": {
			Options{Accounts: []Account{{Name: "a", Password: "b", Rights: Read}}},
			true,
		},
		"this machine, with a user": {Options{User: "u", Password: "p"}, false},
		"every address, with accounts": {Options{
			Host:     "0.0.0.0",
			Accounts: []Account{{Name: "a", Password: "b", Rights: Read}},
		}, false},
		"every address, with a user":        {Options{Host: "0.0.0.0", User: "u", Password: "p"}, false},
		"this machine by its name, no user": {Options{Host: "localhost"}, true},
	} {
		s, _ := startWithStreams(t, c.o)
		_, port, err := net.SplitHostPort(hostOf(t, s.URL()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dialRaw(t, "tcp", net.JoinHostPort("127.0.0.1", port), nil); (err == nil) != c.open {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The number of readers' consumers is limited, and deleted ones free their slots.
func TestReaderConsumerLimit(t *testing.T) {
	s, own := startWithStreams(t, Options{})
	clients := []*rawConn{dialAnonymous(t, s), dialAnonymous(t, s)}
	var made, refused int
	for i := range 2 * maxConsumers {
		body := fmt.Sprintf(
			`{"stream_name":"VIGIL_ALERTS","config":{"name":"c%d","ack_policy":"none","inactive_threshold":3600000000000}}`, i)
		answer, err := clients[i%2].request(fmt.Sprintf("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.c%d", i), nil, body)
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(answer, "maximum consumers limit reached"):
			refused++
		case strings.Contains(answer, `"error"`):
			t.Fatal(answer)
		default:
			made++
		}
	}
	if made != maxConsumers || refused != maxConsumers {
		t.Errorf("%d made and %d refused, want %d of each", made, refused, maxConsumers)
	}
	stream, err := own.stream(alerttest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	list := stream.ListConsumers(alerttest.Within(t))
	n := 0
	for c := range list.Info() {
		n++
		if cfg := c.Config; cfg.Durable != "" || !cfg.MemoryStorage || cfg.InactiveThreshold > maxIdle {
			t.Errorf("consumer %+v", cfg)
		}
	}
	if err := list.Err(); err != nil || n != maxConsumers {
		t.Errorf("%d consumers, error %v", n, err)
	}
	if answer, err := clients[1].request("$JS.API.CONSUMER.DELETE.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		!strings.Contains(answer, "consumer not found") {
		t.Errorf("another client's consumer: %q, %v", answer, err)
	}
	if answer, err := clients[0].request("$JS.API.CONSUMER.DELETE.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		strings.Contains(answer, `"error"`) {
		t.Errorf("the client's own consumer: %q, %v", answer, err)
	}
	if err := stream.DeleteConsumer(alerttest.Within(t), "c1"); err != nil { // as the server does with an idle one
		t.Fatal(err)
	}
	for _, name := range []string{"d1", "d2"} {
		if answer, err := clients[0].request("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS."+name, nil,
			`{"stream_name":"VIGIL_ALERTS","config":{"name":"`+name+`","ack_policy":"none"}}`); err != nil ||
			strings.Contains(answer, `"error"`) {
			t.Errorf("after two are gone: %q, %v", answer, err)
		}
	}
}

// A client receives nothing from the consumer of another that is connected; consumers of disconnected clients free
// their slots.
func TestConsumerOwnership(t *testing.T) {
	s, _ := startWithStreams(t, Options{})
	first, second := dialAnonymous(t, s), dialAnonymous(t, s)
	create := func(c *rawConn, name string) {
		t.Helper()
		answer, err := c.request("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS."+name, nil,
			`{"stream_name":"VIGIL_ALERTS","config":{"name":"`+name+`","ack_policy":"explicit"}}`)
		if err != nil || strings.Contains(answer, `"error"`) {
			t.Fatalf("%s: %q, %v", name, answer, err)
		}
	}
	for i := range maxConsumers {
		create(first, fmt.Sprintf("c%d", i))
	}
	strangers := []string{
		"$JS.API.CONSUMER.INFO.VIGIL_ALERTS.c0", "$JS.API.CONSUMER.MSG.NEXT.VIGIL_ALERTS.c0",
		"$JS.ACK.VIGIL_ALERTS.c0.1.1.1.1.0",
		"$JS.API.CONSUMER.NAMES.VIGIL_ALERTS", "$JS.API.CONSUMER.LIST.VIGIL_ALERTS",
	}
	for _, subject := range strangers {
		second.publish(subject, "_INBOX.x", nil, "")
	}
	if errs := second.errorsSoFar(); len(errs) != len(strangers) {
		t.Errorf("refused were %q, want all %d", errs, len(strangers))
	}
	if answer, err := first.request("$JS.API.CONSUMER.INFO.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		!strings.Contains(answer, `"name":"c0"`) {
		t.Errorf("its own: %q, %v", answer, err)
	}
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		second.publish("$JS.API.CONSUMER.INFO.VIGIL_ALERTS.c0", "_INBOX.x", nil, "")
		if len(second.errorsSoFar()) == 0 {
			break
		}
		if time.Since(began) > alerttest.LongWait {
			t.Fatal("a consumer whose client is gone is nobody's")
		}
	}
	create(second, "d0")
}

// Every reading client recovers from a restart of the server in the process, whose port stays reserved.
func TestReadersSurviveRestart(t *testing.T) {
	s, own := startWithStreams(t, Options{})
	lost := make(chan error, 10)
	c := dial(t, DialOptions{URL: s.URL(), OnState: func(state string, err error) {
		if state == StateRefused {
			lost <- err
		}
	}})
	got := follow(t, c, FollowOptions{All: true})
	<-got
	if err := s.Restart(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	expect(t, got, publish(t, own, event("yard")))
	select {
	case err := <-lost:
		t.Errorf("refused: %v", err)
	default:
	}
}
