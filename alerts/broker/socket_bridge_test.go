package broker

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"vigil/alerts"
	"vigil/internal/alerttest"
)

// startWithStreams starts a server with all streams of a vigil, and one alert.
func startWithStreams(t *testing.T, o Options) (*Server, *Conn) {
	t.Helper()
	s, err := Start(alerttest.Within(t), withTestDir(t, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown() })
	c := dial(t, DialOptions{Server: s})
	if _, err := c.EnsureLocalStream(alerttest.Within(t), StreamBytes); err != nil {
		t.Fatal(err)
	}
	publish(t, c, event("gate"))
	js := c.JetStream()
	for _, bucket := range []string{
		PositionsBucket, alerts.AcksBucket, alerts.SwitchesBucket, alerts.CamerasBucket,
	} {
		if _, err := js.CreateKeyValue(alerttest.Within(t), jetstream.KeyValueConfig{Bucket: bucket}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.CreateObjectStore(alerttest.Within(t),
		jetstream.ObjectStoreConfig{Bucket: "VIGIL_EVIDENCE"}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func withTestDir(t *testing.T, o Options) Options {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "store")
	if o.Port == 0 {
		o.Port = -1
	}
	return o
}

// describeStore returns everything that a foreign client could have changed.
func describeStore(t *testing.T, c *Conn) string {
	t.Helper()
	var all []string
	list := c.JetStream().ListStreams(alerttest.Within(t))
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
var forbiddenCommands = []struct {
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
	{"a switch", "$KV.VIGIL_SWITCHES.gate", `{"version":1,"camera":"gate","paused":true}`, nil},
	{"read the switches", "$JS.API.DIRECT.GET.KV_VIGIL_SWITCHES", `{"seq":1}`, nil},
	{"look at the bucket of switches", "$JS.API.STREAM.INFO.KV_VIGIL_SWITCHES", "", nil},
	{"clear the switches", "$JS.API.STREAM.PURGE.KV_VIGIL_SWITCHES", "", nil},
	{"a switch over MQTT's topic", "vigil.gate.enabled.set", "OFF", nil},
	{"a camera", "$KV.VIGIL_CAMERAS.gate", `{"name":"gate"}`, nil},
	{"read the cameras", "$JS.API.STREAM.MSG.GET.KV_VIGIL_CAMERAS", `{"seq":1}`, nil},
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

func TestForeignClientChangesNothing(t *testing.T) {
	s, own := startWithStreams(t, Options{})
	stream, err := own.stream(alerttest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CreateConsumer(alerttest.Within(t),
		jetstream.ConsumerConfig{Durable: "own", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	sub, err := own.nc.SubscribeSync("vigil.>")
	if err != nil {
		t.Fatal(err)
	}
	before := describeStore(t, own)
	for _, c := range forbiddenCommands {
		t.Run(c.name, func(t *testing.T) {
			answer, err := dialAnonymous(t, s).request(c.subject, c.header, c.data)
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
			r := dialAnonymous(t, s)
			r.publish("$JS.API.STREAM.INFO.VIGIL_ALERTS", c, nil, "")
			r.publish("$JS.API.CONSUMER.CREATE.VIGIL_ALERTS.x", c, nil,
				`{"stream_name":"VIGIL_ALERTS","config":{"name":"x","ack_policy":"none"}}`)
			if errs := r.errorsSoFar(); len(errs) != 2 {
				t.Errorf("not both refused: %q", errs)
			}
		})
	}
	for _, subject := range []string{"_INBOX.>", "_INBOX.*.x", "_VIGIL.>", ">", "$JS.>", "$SYS.>", "$KV.>", "$O.>"} {
		r := dialAnonymous(t, s)
		r.write("SUB " + subject + " 1\r\n")
		if errs := r.errorsSoFar(); len(errs) != 1 ||
			!strings.Contains(errs[0], "Permissions Violation for Subscription") {
			t.Errorf("subscription to %s: %q", subject, errs)
		}
	}
	if after := describeStore(t, own); after != before {
		t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
	if err := own.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := sub.Pending(); err != nil || n != 0 {
		t.Errorf("%d messages came under vigil's subjects, error %v", n, err)
	}
}

// Invalid protocol input ends the connection and nothing else; a command is forwarded as it was parsed.
func TestForeignClientCommands(t *testing.T) {
	s, own := startWithStreams(t, Options{})
	before := describeStore(t, own)
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
			r := dialAnonymous(t, s)
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
	r := dialAnonymous(t, s)
	r.write("pub   vigil.alerts.gate.start\t2\n{}\r\n")
	if errs := r.errorsSoFar(); len(errs) != 1 || !strings.Contains(errs[0], `"vigil.alerts.gate.start"`) {
		t.Errorf("in small letters: %q", errs)
	}
	if after := describeStore(t, own); after != before {
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
	s, _ := startWithStreams(t, Options{Accounts: []Account{
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
		if _, err := dialRaw(t, "tcp", hostOf(t, s.URL()), in); err == nil ||
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
	if _, err := js.Publish(alerttest.Within(t), "vigil.alerts.gate.start", []byte("{}")); err != nil {
		t.Errorf("an account that may write: %v", err)
	}
	r, err := dialRaw(t, "tcp", hostOf(t, s.URL()), map[string]any{"user": "dashboard", "pass": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.request("vigil.alerts.gate.start", nil, "{}"); err == nil {
		t.Error("an account that may read has written")
	}
	// The socket's permissions suffice; a user in CONNECT is ignored.
	r, err = dialRaw(t, "unix", filepath.Join(s.opts.Dir, socketName), map[string]any{"user": "x", "pass": "y"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := r.request("vigil.alerts.gate.end", nil, "{}"); err != nil || !strings.Contains(answer, `"seq"`) {
		t.Errorf("over the socket: %q, %v", answer, err)
	}
	info, err := os.Stat(filepath.Join(s.opts.Dir, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, error %v", info.Mode(), err)
	}
}

// The disk space of streams is bounded, also for accounts that may create some.
func TestStreamsAreBounded(t *testing.T) {
	s, own := startWithStreams(t, Options{MaxStore: 512 << 20, MaxMemory: 8 << 20})
	for _, cfg := range []jetstream.StreamConfig{
		{Name: "HUGE", Subjects: []string{"huge"}, MaxBytes: 900 << 30},
		{Name: "WIDE", Subjects: []string{"wide"}, MaxBytes: 16 << 20, Storage: jetstream.MemoryStorage},
	} {
		if _, err := own.js.CreateStream(alerttest.Within(t), cfg); err == nil ||
			!strings.Contains(err.Error(), "insufficient") {
			t.Errorf("%s: %v", cfg.Name, err)
		}
	}
	// Stored data stays, and vigil's own streams follow the configuration.
	s.opts.MaxStore = 1 << 20
	if err := s.Restart(alerttest.Within(t)); err != nil {
		t.Fatal(err)
	}
	own = dial(t, DialOptions{Server: s})
	if _, err := own.EnsureLocalStream(alerttest.Within(t), StreamBytes/2); err != nil {
		t.Errorf("a smaller stream: %v", err)
	}
	if s.current().JetStreamConfig().MaxStore > 1<<30 {
		t.Errorf("the bound is %d", s.current().JetStreamConfig().MaxStore)
	}
}

// A client that retries denied operations does not fill the log.
func TestDenialLogIsLimited(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	s, _ := startWithStreams(t, Options{Log: slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), nil))})
	r := dialAnonymous(t, s)
	const times = 1000
	for i := range times {
		r.publish(fmt.Sprintf("vigil.alerts.c%05d.start", i), "", nil, "{}")
	}
	if errs := r.errorsSoFar(); len(errs) != times {
		t.Errorf("%d of %d were refused", len(errs), times)
	}
	for range 20 {
		if _, err := dialRaw(t, "tcp", hostOf(t, s.URL()), map[string]any{"user": "x", "pass": "y"}); err == nil {
			t.Error("let in")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(log.String(), "\n"); n != 1 ||
		!strings.Contains(log.String(), "tried something without permission") {
		t.Errorf("%d lines were logged: %.2000s", n, &log)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
