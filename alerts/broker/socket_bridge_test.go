package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"vigil/alerts"
)

// furnished starts a server with all streams of a vigil, and one alert.
func furnished(t *testing.T, o Options) (*Server, *Conn) {
	t.Helper()
	s, err := Start(within(t), orPort(t, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown() })
	c := dial(t, DialOptions{Server: s})
	if _, err := c.EnsureLocalStream(within(t), StreamBytes); err != nil {
		t.Fatal(err)
	}
	publish(t, c, event("gate"))
	js := c.JetStream()
	for _, bucket := range []string{PositionsBucket, alerts.AcksBucket} {
		if _, err := js.CreateKeyValue(within(t), jetstream.KeyValueConfig{Bucket: bucket}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateObjectStore(within(t), jetstream.ObjectStoreConfig{Bucket: "VIGIL_EVIDENCE"}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func orPort(t *testing.T, o Options) Options {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "store")
	if o.Port == 0 {
		o.Port = -1
	}
	return o
}

// snapshot returns everything that a foreign client could have changed.
func snapshot(t *testing.T, c *Conn) string {
	t.Helper()
	var all []string
	list := c.JetStream().ListStreams(within(t))
	for i := range list.Info() {
		all = append(all, fmt.Sprintf("%s %+v %d %d %d", i.Config.Name, i.Config, i.State.Msgs, i.State.LastSeq,
			i.State.Consumers))
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// What a program on this machine may not do over the server's port.
var forbidden = []struct {
	name, subject, data string
	header              map[string]string
}{
	{
		"forge a start", "vigil.alerts.gate.start", "{}",
		map[string]string{"Nats-Msg-Id": "01JPB5Z7T2W4K8M3N6Q9R1S5VX:0"},
	},
	{
		"forge an update with an id of control characters", "vigil.alerts.gate.update", "garbage\x1b[31m",
		map[string]string{"Nats-Msg-Id": "evil\x1b[31mid"},
	},
	{"an unknown camera", "vigil.alerts.never-configured.start", "{}", nil},
	{"a subject that is no topic", "vigil.alerts.gate.#", "{}", nil},
	{"a state", "vigil.status.gate", "{}", nil},
	{"a score", "vigil.scores.gate", "{}", nil},
	{"a state of the storage", "vigil.storage", "{}", nil},
	{"delete the stream", "$JS.API.STREAM.DELETE.VIGIL_ALERTS", "", nil},
	{"purge it", "$JS.API.STREAM.PURGE.VIGIL_ALERTS", "", nil},
	{
		"seal it", "$JS.API.STREAM.UPDATE.VIGIL_ALERTS",
		`{"name":"VIGIL_ALERTS","subjects":["vigil.alerts.>"],"storage":"file","retention":"limits","sealed":true}`,
		nil,
	},
	{
		"make it small", "$JS.API.STREAM.UPDATE.VIGIL_ALERTS",
		`{"name":"VIGIL_ALERTS","subjects":["vigil.alerts.>"],"storage":"file","retention":"limits","max_msgs":1}`,
		nil,
	},
	{"delete a message", "$JS.API.STREAM.MSG.DELETE.VIGIL_ALERTS", `{"seq":1}`, nil},
	{
		"a huge stream", "$JS.API.STREAM.CREATE.HUGE",
		`{"name":"HUGE","subjects":["huge"],"storage":"file","retention":"limits","max_bytes":966367641600}`, nil,
	},
	{
		"a small stream", "$JS.API.STREAM.CREATE.SMALL",
		`{"name":"SMALL","subjects":["small"],"storage":"file","retention":"limits"}`, nil,
	},
	{
		"a mirror", "$JS.API.STREAM.CREATE.MIRROR",
		`{"name":"MIRROR","mirror":{"name":"VIGIL_ALERTS"},"storage":"file","retention":"limits"}`, nil,
	},
	{"a snapshot", "$JS.API.STREAM.SNAPSHOT.VIGIL_ALERTS", `{"deliver_subject":"_INBOX.a"}`, nil},
	{"restore", "$JS.API.STREAM.RESTORE.OTHER", `{"config":{"name":"OTHER"}}`, nil},
	{"evidence", "$O.VIGIL_EVIDENCE.M.eA==", `{"name":"01JPB5Z7T2W4K8M3N6Q9R1S5VX/.bashrc"}`, nil},
	{"a position", "$KV.VIGIL_OUTBOX.webhook.gate", "9999", nil},
	{"an acknowledgement", "$KV.VIGIL_ACKS.01JPB5Z7T2W4K8M3N6Q9R1S5VX", "{}", nil},
	{"read the positions", "$JS.API.DIRECT.GET.KV_VIGIL_OUTBOX", `{"seq":1}`, nil},
	{"read a foreign stream", "$JS.API.STREAM.INFO.OTHER", "", nil},
	{
		"a durable consumer, as of old", "$JS.API.CONSUMER.DURABLE.CREATE.VIGIL_ALERTS.d",
		`{"stream_name":"VIGIL_ALERTS","config":{"durable_name":"d","ack_policy":"explicit"}}`, nil,
	},
	{
		"a durable consumer", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.d",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"d","durable_name":"d","ack_policy":"explicit"}}`, nil,
	},
	{
		"a durable consumer in other letters", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.d",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"d","Durable_Name":"d","ack_policy":"explicit"}}`, nil,
	},
	{
		"a consumer of the positions", "$JS.API.CONSUMER.CREATE.KV_VIGIL_OUTBOX.d",
		`{"stream_name":"KV_VIGIL_OUTBOX","config":{"name":"d","ack_policy":"none"}}`, nil,
	},
	{
		"deliver to alerts", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.p",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"p","deliver_subject":"vigil.status.gate","ack_policy":"none"}}`, nil,
	},
	{
		"deliver to the API", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.p",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"p","headers_only":true,"deliver_subject":"$JS.API.STREAM.DELETE.VIGIL_ALERTS","ack_policy":"none"}}`, nil,
	},
	{
		"deliver to vigil's answers", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.p",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"p","deliver_subject":"_VIGIL.x","ack_policy":"none"}}`, nil,
	},
	{
		"another name than the subject's", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.a",
		`{"stream_name":"VIGIL_ALERTS","config":{"name":"b","ack_policy":"none"}}`, nil,
	},
	{"a consumer that is not JSON", "$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.a", "{", nil},
	{"pause a consumer", "$JS.API.CONSUMER.PAUSE.VIGIL_ALERTS.d", `{"pause_until":"2099-01-01T00:00:00Z"}`, nil},
	{"delete another's consumer", "$JS.API.CONSUMER.DELETE.VIGIL_ALERTS.own", "", nil},
	{"the messages of another's consumer", "$JS.API.CONSUMER.MSG.NEXT.VIGIL_ALERTS.own", "1", nil},
	{"acknowledge for another", "$JS.ACK.VIGIL_ALERTS.own.1.1.1.1.0", "+TERM", nil},
	{"acknowledge for another, newer form", "$JS.ACK._.hash.VIGIL_ALERTS.own.1.1.1.1.0", "+TERM", nil},
	{"the server's own", "$SYS.REQ.SERVER.PING", "", nil},
	{"what stands for refusals", refusedSubject + "x", "", nil},
}

func TestAStrangerChangesNothing(t *testing.T) {
	s, own := furnished(t, Options{})
	stream, err := own.stream(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CreateConsumer(within(t),
		jetstream.ConsumerConfig{Durable: "own", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	heard, err := own.nc.SubscribeSync("vigil.>")
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, own)
	for _, c := range forbidden {
		t.Run(c.name, func(t *testing.T) {
			answer, err := over(t, s).ask(c.subject, c.header, c.data)
			if err == nil && !strings.Contains(answer, `"error"`) {
				t.Errorf("answered %q", answer)
			}
			if err != nil && !strings.Contains(err.Error(), "Permissions Violation") {
				t.Errorf("error %v", err)
			}
		})
	}
	// A server publishes replies to any subject that a client names.
	for name, c := range map[string]string{
		"an answer to alerts": "vigil.alerts.gate.start", "an answer to the API": "$JS.API.STREAM.DELETE.VIGIL_ALERTS",
		"an answer to vigil's own": "_VIGIL.x", "an answer to every inbox": "_INBOX.>",
		"an answer to an inbox of nobody": "_INBOX.",
	} {
		t.Run(name, func(t *testing.T) {
			r := over(t, s)
			r.publish("$JS.API.STREAM.INFO.VIGIL_ALERTS", c, nil, "")
			r.publish("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.x", c, nil,
				`{"stream_name":"VIGIL_ALERTS","config":{"name":"x","ack_policy":"none"}}`)
			if errs := r.settle(); len(errs) != 2 {
				t.Errorf("not both refused: %q", errs)
			}
		})
	}
	for _, subject := range []string{"_INBOX.>", "_INBOX.*.x", "_VIGIL.>", ">", "$JS.>", "$SYS.>", "$KV.>", "$O.>"} {
		r := over(t, s)
		r.write("SUB " + subject + " 1\r\n")
		if errs := r.settle(); len(errs) != 1 || !strings.Contains(errs[0], "Permissions Violation for Subscription") {
			t.Errorf("subscription to %s: %q", subject, errs)
		}
	}
	if after := snapshot(t, own); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
	if err := own.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := heard.Pending(); err != nil || n != 0 {
		t.Errorf("%d messages came under vigil's subjects, error %v", n, err)
	}
}

// Invalid protocol input ends the connection and nothing else; a command is forwarded as it was parsed.
func TestAStrangersCommands(t *testing.T) {
	s, own := furnished(t, Options{})
	before := snapshot(t, own)
	for name, text := range map[string]string{
		"no size":              "PUB vigil.alerts.gate.start\r\n",
		"a negative size":      "PUB a -1\r\n\r\n",
		"a huge size":          "PUB a 99999999999\r\n",
		"headers beyond":       "HPUB a 10 5\r\nhello\r\n",
		"a longer payload":     "PUB $JS.API.INFO 2\r\nhelloPUB vigil.alerts.gate.start 2\r\n{}\r\n",
		"another user":         "CONNECT {\"user\":\"x\"}\r\n",
		"a line without end":   strings.Repeat("x", 2*maxLine),
		"a route's command":    "RS+ $G a\r\n",
		"control characters":   "SUB vigil.\x1b]0;x 1\r\n",
		"a subscription short": "SUB a\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := over(t, s)
			_, _ = r.conn.Write([]byte(text)) // it may be cut off in the middle
			for {
				if _, _, err := r.next(); err != nil {
					if strings.Contains(err.Error(), "timeout") {
						t.Error("the connection goes on")
					}
					break
				}
			}
		})
	}
	r := over(t, s)
	r.write("pub   vigil.alerts.gate.start\t2\n{}\r\n")
	if errs := r.settle(); len(errs) != 1 || !strings.Contains(errs[0], `"vigil.alerts.gate.start"`) {
		t.Errorf("in small letters: %q", errs)
	}
	if after := snapshot(t, own); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
}

func TestWrongCredentialsAreRefused(t *testing.T) {
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := furnished(t, Options{Accounts: []Account{
		{Name: "dashboard", Password: "s3cret", Rights: Read},
		{Name: "tool", NKey: public, Rights: Write},
	}})
	for name, in := range map[string]map[string]any{
		"unknown user": {"user": "x", "pass": "y"}, "wrong password": {"user": "dashboard", "pass": "s3creT"},
		"no password": {"user": "dashboard"},
		"token":       {"auth_token": "x"}, "password alone": {"pass": "x"}, "nkey without signature": {"nkey": public},
		"the account's name for the nkey": {"user": "tool"},
		"vigil's own without password":    {"user": s.logins.own.User},
		"the reader by its name":          {"user": s.logins.reader.User},
	} {
		if _, err := knock(t, "tcp", hostOf(t, s.URL()), in); err == nil ||
			!strings.Contains(err.Error(), "Authorization Violation") {
			t.Errorf("%s: %v", name, err)
		}
	}
	sign := nats.Nkey(public, key.Sign)
	nc, err := nats.Connect(s.URL(), sign)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(within(t), "vigil.alerts.gate.start", []byte("{}")); err != nil {
		t.Errorf("an account that may write: %v", err)
	}
	r, err := knock(t, "tcp", hostOf(t, s.URL()), map[string]any{"user": "dashboard", "pass": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ask("vigil.alerts.gate.start", nil, "{}"); err == nil {
		t.Error("an account that may read has written")
	}
	// The socket's permissions suffice; a user in CONNECT is ignored.
	r, err = knock(t, "unix", filepath.Join(s.opts.Dir, socketName), map[string]any{"user": "x", "pass": "y"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := r.ask("vigil.alerts.gate.end", nil, "{}"); err != nil || !strings.Contains(answer, `"seq"`) {
		t.Errorf("over the socket: %q, %v", answer, err)
	}
	info, err := os.Stat(filepath.Join(s.opts.Dir, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, error %v", info.Mode(), err)
	}
}

// If a user is configured, or other machines reach the server, reading requires an account.
func TestWhoReadsWithoutAnAccount(t *testing.T) {
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
		s, _ := furnished(t, c.o)
		_, port, err := net.SplitHostPort(hostOf(t, s.URL()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := knock(t, "tcp", net.JoinHostPort("127.0.0.1", port), nil); (err == nil) != c.open {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The number of readers' consumers is limited, and deleted ones free their slots.
func TestReadersHaveSoManyConsumers(t *testing.T) {
	s, own := furnished(t, Options{})
	clients := []*raw{over(t, s), over(t, s)}
	var made, refused int
	for i := range 2 * maxConsumers {
		body := fmt.Sprintf(
			`{"stream_name":"VIGIL_ALERTS","config":{"name":"c%d","ack_policy":"none","inactive_threshold":3600000000000}}`, i)
		answer, err := clients[i%2].ask(fmt.Sprintf("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.c%d", i), nil, body)
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
	stream, err := own.stream(within(t))
	if err != nil {
		t.Fatal(err)
	}
	list := stream.ListConsumers(within(t))
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
	if answer, err := clients[1].ask("$JS.API.CONSUMER.DELETE.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		!strings.Contains(answer, "consumer not found") {
		t.Errorf("another client's consumer: %q, %v", answer, err)
	}
	if answer, err := clients[0].ask("$JS.API.CONSUMER.DELETE.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		strings.Contains(answer, `"error"`) {
		t.Errorf("the client's own consumer: %q, %v", answer, err)
	}
	if err := stream.DeleteConsumer(within(t), "c1"); err != nil { // as the server does with an idle one
		t.Fatal(err)
	}
	for _, name := range []string{"d1", "d2"} {
		if answer, err := clients[0].ask("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS."+name, nil,
			`{"stream_name":"VIGIL_ALERTS","config":{"name":"`+name+`","ack_policy":"none"}}`); err != nil ||
			strings.Contains(answer, `"error"`) {
			t.Errorf("after two are gone: %q, %v", answer, err)
		}
	}
}

// A client receives nothing from the consumer of another that is connected; consumers of disconnected clients free
// their slots.
func TestConsumersAreTheirClients(t *testing.T) {
	s, _ := furnished(t, Options{})
	first, second := over(t, s), over(t, s)
	create := func(c *raw, name string) {
		t.Helper()
		answer, err := c.ask("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS."+name, nil,
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
	if errs := second.settle(); len(errs) != len(strangers) {
		t.Errorf("refused were %q, want all %d", errs, len(strangers))
	}
	if answer, err := first.ask("$JS.API.CONSUMER.INFO.VIGIL_ALERTS.c0", nil, ""); err != nil ||
		!strings.Contains(answer, `"name":"c0"`) {
		t.Errorf("its own: %q, %v", answer, err)
	}
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		second.publish("$JS.API.CONSUMER.INFO.VIGIL_ALERTS.c0", "_INBOX.x", nil, "")
		if len(second.settle()) == 0 {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("a consumer whose client is gone is nobody's")
		}
	}
	create(second, "d0")
}

// The disk space of streams is bounded, also for accounts that may create some.
func TestStreamsAreBounded(t *testing.T) {
	s, own := furnished(t, Options{MaxStore: 512 << 20, MaxMemory: 8 << 20})
	for _, cfg := range []jetstream.StreamConfig{
		{Name: "HUGE", Subjects: []string{"huge"}, MaxBytes: 900 << 30},
		{Name: "WIDE", Subjects: []string{"wide"}, MaxBytes: 16 << 20, Storage: jetstream.MemoryStorage},
	} {
		if _, err := own.js.CreateStream(within(t), cfg); err == nil || !strings.Contains(err.Error(), "insufficient") {
			t.Errorf("%s: %v", cfg.Name, err)
		}
	}
	// Stored data stays, and vigil's own streams follow the configuration.
	s.opts.MaxStore = 1 << 20
	if err := s.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	own = dial(t, DialOptions{Server: s})
	if _, err := own.EnsureLocalStream(within(t), StreamBytes/2); err != nil {
		t.Errorf("a smaller stream: %v", err)
	}
	if s.current().JetStreamConfig().MaxStore > 1<<30 {
		t.Errorf("the bound is %d", s.current().JetStreamConfig().MaxStore)
	}
}

// Every reading client recovers from a restart of the server in the process, whose port stays reserved.
func TestReadersOutliveARestart(t *testing.T) {
	s, own := furnished(t, Options{})
	lost := make(chan error, 10)
	c := dial(t, DialOptions{URL: s.URL(), OnState: func(state string, err error) {
		if state == StateRefused {
			lost <- err
		}
	}})
	got := follow(t, c, FollowOptions{All: true})
	<-got
	if err := s.Restart(within(t)); err != nil {
		t.Fatal(err)
	}
	expect(t, got, publish(t, own, event("yard")))
	select {
	case err := <-lost:
		t.Errorf("refused: %v", err)
	default:
	}
}

// A client that retries denied operations does not fill the log.
func TestDenialsFillNoLog(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	s, _ := furnished(t, Options{Log: slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), nil))})
	r := over(t, s)
	const times = 1000
	for i := range times {
		r.publish(fmt.Sprintf("vigil.alerts.c%05d.start", i), "", nil, "{}")
	}
	if errs := r.settle(); len(errs) != times {
		t.Errorf("%d of %d were refused", len(errs), times)
	}
	for range 20 {
		if _, err := knock(t, "tcp", hostOf(t, s.URL()), map[string]any{"user": "x", "pass": "y"}); err == nil {
			t.Error("let in")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(log.String(), "\n"); n != 1 ||
		!strings.Contains(log.String(), "tried what its account may not") {
		t.Errorf("%d lines were logged: %.2000s", n, &log)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
