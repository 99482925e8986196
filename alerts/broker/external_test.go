package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/natstest"
)

// process is the distribution's nats-server, which is older than the embedded one.
type process = natstest.Process

func launch(t *testing.T, port int, config string) *process {
	t.Helper()
	return natstest.Launch(t, port, config)
}

func jetStreamIn(dir string) string { return natstest.JetStreamIn(dir) }

// states collects the reports of OnState and lets a test wait for them.
type states struct {
	mu   sync.Mutex
	errs map[string]error
	seen chan string
}

func newStates() *states { return &states{errs: map[string]error{}, seen: make(chan string, 1000)} }

func (s *states) on(state string, err error) {
	s.mu.Lock()
	s.errs[state] = err
	s.mu.Unlock()
	select {
	case s.seen <- state:
	default:
	}
}

func (s *states) wait(t *testing.T, want string) error {
	t.Helper()
	ctx := alerttest.Within(t)
	for {
		select {
		case state := <-s.seen:
			if state == want {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.errs[want]
			}
		case <-ctx.Done():
			t.Fatalf("%s was not reported", want)
		}
	}
}

// restarter is a server that a test can take away and bring back at the same address.
type restarter interface {
	url() string
	stop(t *testing.T)
	start(t *testing.T)
}

type embedded struct {
	s    *Server
	dir  string
	port int
}

func (e *embedded) url() string { return local(e.port) }

func (e *embedded) stop(t *testing.T) {
	t.Helper()
	if err := e.s.Shutdown(); err != nil {
		t.Fatal(err)
	}
}

func (e *embedded) start(t *testing.T) {
	t.Helper()
	e.s = serve(t, Options{Dir: e.dir, Port: e.port})
}

type external struct {
	p    *process
	dir  string
	port int
}

func (e *external) url() string        { return local(e.port) }
func (e *external) stop(*testing.T)    { e.p.Kill() }
func (e *external) start(t *testing.T) { t.Helper(); e.p = launch(t, e.port, jetStreamIn(e.dir)) }

func eachServer(t *testing.T, test func(t *testing.T, r restarter)) {
	t.Run("embedded", func(t *testing.T) {
		test(t, &embedded{dir: t.TempDir(), port: natstest.FreePort(t)})
	})
	t.Run("Debian's", func(t *testing.T) {
		test(t, &external{dir: t.TempDir(), port: natstest.FreePort(t)})
	})
}

// Alerts published while the server goes down and comes back arrive once and in order.
func TestNothingIsLostAcrossRestarts(t *testing.T) {
	eachServer(t, func(t *testing.T, r restarter) {
		r.start(t)
		c := dial(t, asWriter(r.url()))
		got := follow(t, dial(t, asWriter(r.url())), FollowOptions{All: true, Subject: alerts.CameraSubject("yard")})
		const rounds, each = 3, 20
		sent := make(chan alerts.Alert) // unbuffered, so that the publisher is never far ahead
		ctx := alerttest.Within(t)
		done := make(chan error, 1)
		go func() {
			defer close(sent)
			a := event("yard")
			a.Phase = alerts.PhaseUpdate
			for a.Seq = range rounds * each {
				if err := c.Publish(ctx, a); err != nil {
					done <- err
					return
				}
				sent <- a
			}
			done <- nil
		}()
		for i := 0; ; i++ {
			a, ok := <-sent
			if !ok {
				break
			}
			expect(t, got, a)
			if i%each == each/2 {
				r.stop(t)
				r.start(t)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := storedMessages(t, c); n != rounds*each {
			t.Errorf("%d messages stored, want %d", n, rounds*each)
		}
	})
}

func TestPublishWaitsForTheServer(t *testing.T) {
	eachServer(t, func(t *testing.T, r restarter) {
		r.start(t)
		s := newStates()
		o := asWriter(r.url())
		o.OnState = s.on
		c := dial(t, o)
		r.stop(t)
		s.wait(t, StateDisconnected)
		if err := c.PublishScore(alerts.Score{Camera: "a", Wall: time.Now()}); !errors.Is(err, ErrDisconnected) {
			t.Errorf("score without a connection: %v", err)
		}
		if n := c.Unsent(); n != (alerts.Unsent{Scores: 1}) {
			t.Errorf("unsent are %+v", n)
		}
		a, done := event("a"), make(chan error, 1)
		ctx := alerttest.Within(t)
		go func() { done <- c.Publish(ctx, a) }()
		if err := s.wait(t, StateUnsent); !errors.Is(err, ErrDisconnected) {
			t.Errorf("unsent because of %v", err)
		}
		r.start(t)
		s.wait(t, StateReconnected)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := storedMessages(t, c); n != 1 {
			t.Errorf("%d messages stored, want 1", n)
		}
	})
}

func TestPublishEndsWithItsContext(t *testing.T) {
	s := serve(t, Options{})
	c := dial(t, asWriter(s.URL()))
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(alerttest.Within(t))
	stopped := errors.New("stopped")
	cancel(stopped)
	if err := c.Publish(ctx, event("a")); !errors.Is(err, stopped) {
		t.Errorf("error %v, want %v", err, stopped)
	}
}

// A server that comes back without its directory has an empty stream, whose numbers start over.
func TestStreamIsRecreated(t *testing.T) {
	port := natstest.FreePort(t)
	r := &embedded{dir: t.TempDir(), port: port}
	r.start(t)
	s := newStates()
	o := asWriter(r.url())
	o.OnState = s.on
	c := dial(t, o)
	got := follow(t, c, FollowOptions{All: true})
	for range 3 {
		expect(t, got, publish(t, c, event("a")))
	}
	r.stop(t)
	r.dir = t.TempDir()
	r.start(t)
	s.wait(t, StateReconnected)
	expect(t, got, publish(t, c, event("a")), publish(t, c, event("a")))
}

func TestDialErrors(t *testing.T) {
	port := natstest.FreePort(t)
	deny := func(permissions string) string {
		return "authorization: {users: [{user: u, password: s3cret, permissions: {" + permissions + "}}]}\n" +
			jetStreamIn(t.TempDir())
	}
	for name, c := range map[string]struct {
		config string
		user   string
		want   string
	}{
		"no JetStream": {"", "", "JetStream is off"},
		"no credentials": {
			"authorization: {user: u, password: s3cret}\n" + jetStreamIn(t.TempDir()), "",
			"not what this server expects",
		},
		"wrong password": {
			"authorization: {user: u, password: right}\n" + jetStreamIn(t.TempDir()), "u:s3cret@",
			"not what this server expects",
		},
		"no publishing": {deny(`publish: {deny: ">"}`), "u:s3cret@", "allow this user to publish"},
		"no answers":    {deny(`subscribe: {deny: "_INBOX.>"}`), "u:s3cret@", "subscribe to _INBOX"},
		"no room": {
			fmt.Sprintf("jetstream: {store_dir: %q, max_file_store: 1048576}", t.TempDir()), "",
			"no room",
		},
		"none in the account": {"accounts: {A: {jetstream: enabled}, B: {users: [{user: u, password: s3cret}]}}\n" +
			jetStreamIn(t.TempDir()), "u:s3cret@", "enable JetStream for the account"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, port, c.config)
			defer p.Kill()
			begun := time.Now()
			conn, err := Dial(alerttest.Within(t), DialOptions{URL: strings.Replace(local(port), "//", "//"+c.user, 1)})
			if err == nil && name == "no room" { // which is only detected when a stream is created
				err = errors.Join(conn.EnsureStream(alerttest.Within(t)), conn.Close())
			}
			if err == nil {
				t.Fatal(errors.Join(errors.New("connected"), conn.Close()))
			}
			if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, "s3cret") {
				t.Errorf("error %q, want %q in it", text, c.want)
			}
			t.Logf("%v: %v", time.Since(begun).Round(time.Millisecond), err)
		})
	}
}

func TestDialWithoutAServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			c.Close()
		}
	}()
	for name, c := range map[string]struct{ at, want string }{
		"nobody":       {local(natstest.FreePort(t)), "no server answers there"},
		"silence":      {"nats://" + silent.Addr().String(), "no answer in time"},
		"another kind": {"nats://" + other.Addr().String(), "not a NATS server"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := Dial(alerttest.Within(t), DialOptions{URL: c.at, Password: "s3cret", User: "u"})
			if err == nil {
				t.Fatal(errors.Join(errors.New("connected"), conn.Close()))
			}
			if text := err.Error(); !strings.Contains(text, c.want) || !strings.Contains(text, c.at) ||
				strings.Contains(text, "s3cret") {
				t.Errorf("error %q, want %q and %s in it", text, c.want, c.at)
			}
		})
	}
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Dial(ctx, DialOptions{URL: "nats://" + silent.Addr().String()}); !errors.Is(err,
			context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("credentials file", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "none.creds")
		if _, err := Dial(alerttest.Within(t), DialOptions{URL: local(1), Creds: missing}); err == nil ||
			!strings.Contains(err.Error(), missing) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOperatorStreamIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		subjects []string
		want     string
	}{
		"wider":  {[]string{"vigil.>"}, ""},
		"narrow": {[]string{"vigil.alerts.yard.*"}, "vigil.alerts.>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{})
			first := dial(t, DialOptions{Server: s})
			stream, err := first.ensureStream(alerttest.Within(t))
			if err != nil {
				t.Fatal(err)
			}
			mine := stream.CachedInfo().Config
			mine.Subjects, mine.MaxMsgs = c.subjects, 7
			if _, err := first.js.UpdateStream(alerttest.Within(t), mine); err != nil {
				t.Fatal(err)
			}
			conn, err := Dial(alerttest.Within(t), asWriter(s.URL()))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("error %v, want %q in it", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if stream, err = conn.ensureStream(alerttest.Within(t)); err != nil {
				t.Fatal(err)
			}
			if n := stream.CachedInfo().Config.MaxMsgs; n != 7 {
				t.Errorf("the operator's limit of 7 messages became %d", n)
			}
		})
	}
}

// A subject that this user may not publish scores to does not prevent alerts from being acknowledged.
func TestDeniedSubject(t *testing.T) {
	p := launch(t, natstest.FreePort(t),
		`authorization: {users: [{user: u, password: s3cret, permissions: {publish: {deny: ["vigil.scores.>", "vigil.alerts.cellar.>"]}}}]}
`+jetStreamIn(t.TempDir()))
	s := newStates()
	c := dial(t, DialOptions{URL: local(p.Port), User: "u", Password: "s3cret", OnState: s.on})
	if err := c.PublishScore(alerts.Score{Camera: "yard", Wall: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := s.wait(t, StateRefused); err == nil || !strings.Contains(err.Error(), "vigil.scores.yard") {
		t.Errorf("refused with %v", err)
	}
	publish(t, c, event("yard"))
	ctx, cancel := context.WithCancel(alerttest.Within(t))
	done := make(chan error, 1)
	go func() { done <- c.Publish(ctx, event("cellar")) }()
	if err := s.wait(t, StateUnsent); err == nil || !strings.Contains(err.Error(), "vigil.alerts.cellar.start") {
		t.Errorf("unsent with %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
