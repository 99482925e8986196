package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/api/access"
	"vigil/internal/alerttest"
	"vigil/internal/broadcast"
	"vigil/internal/leaktest"
)

// live is what happens in gates. The zero value is ready.
type live struct {
	once   sync.Once
	hub    *Hub
	stored broadcast.Signal

	mu  sync.Mutex
	log []AlertMessage
}

var storeCreated = time.Unix(1700000000, 123456789)

func (l *live) Hub() *Hub {
	l.once.Do(func() { l.hub = NewHub() })
	return l.hub
}

func (l *live) AlertPosition(context.Context) (AlertPosition, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return AlertPosition{storeCreated, uint64(len(l.log))}, nil
}

func (l *live) store(camera string) {
	l.mu.Lock()
	n := len(l.log)
	l.log = append(l.log, AlertMessage{
		Camera: camera, Data: AlertData(fmt.Sprintf(`{"camera":%q,"seq":%d}`, camera, n)),
		Position: AlertPosition{storeCreated, uint64(n + 1)},
	})
	l.mu.Unlock()
	l.stored.Notify()
}

func (l *live) FollowAlerts(ctx context.Context, after AlertPosition, each func(AlertMessage) error) error {
	next := int(after.Seq)
	if !after.Store.Equal(storeCreated) {
		next = 0
	}
	for {
		var m AlertMessage
		if !l.stored.Until(ctx, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			if next < len(l.log) {
				m = l.log[next]
				return true
			}
			return false
		}) {
			return nil
		}
		if err := each(m); err != nil {
			return err
		}
		next++
	}
}

func (g *gates) States(ctx context.Context) (all []StateEvent) {
	for _, c := range g.Status(ctx).Cameras {
		all = append(all, StateEvent{Camera: c.Name, State: alerts.StateLive})
	}
	return all
}

// served is gates on a listener.
type served struct {
	*testing.T
	*gates
	accounts *access.Store
	http     *httptest.Server
}

// serve serves gates with deadlines that are far shorter than a stream.
func serve(t *testing.T) *served { return serveBy(t, (*httptest.Server).Start) }

func serveBy(t *testing.T, start func(*httptest.Server)) *served {
	t.Helper()
	s := &served{T: t, gates: &gates{revision: 1}, accounts: access.NewStore(t.TempDir())}
	s.Hub().check, s.Hub().heartbeat = 5*time.Millisecond, 10*time.Millisecond
	mux := access.NewMux(access.NewGuard(access.Options{
		Store: s.accounts, Loopback: true, Anonymous: true, Log: slog.New(slog.DiscardHandler),
	}))
	AddRoutes(mux, s.gates)
	s.http = httptest.NewUnstartedServer(mux)
	s.http.Config.ReadTimeout, s.http.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.http.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if tcp, ok := c.(*net.TCPConn); ok && state == http.StateNew {
			_ = tcp.SetWriteBuffer(4 << 10) // so that a client that does not read is soon noticed
		}
	}
	start(s.http)
	t.Cleanup(s.http.Close)
	return s
}

// token returns a new token.
func (s *served) token(name string, g access.Grant) string {
	s.Helper()
	token, err := s.accounts.AddToken(name, g, time.Time{})
	if err != nil {
		s.Fatal(err)
	}
	return token
}

// received is an event as it was sent; one without a name is a comment or only an id.
type received struct{ event, id, data string }

// client is a client of a stream.
type client struct {
	*testing.T
	body io.ReadCloser
	in   *bufio.Reader
}

// get asks for events. headers are names and values in turn.
func (s *served) get(query, token string, headers ...string) *http.Response {
	s.Helper()
	r, err := http.NewRequestWithContext(alerttest.Within(s.T), http.MethodGet, s.http.URL+eventsPath+query, nil)
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := s.http.Client().Do(r)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = w.Body.Close() })
	return w
}

// connect opens a stream, and returns it with its first id.
func (s *served) connect(query, token string, headers ...string) (*client, string) {
	s.Helper()
	w := s.get(query, token, headers...)
	if w.StatusCode != http.StatusOK || w.Header.Get("Content-Type") != "text/event-stream" {
		s.Fatalf("%s: %s %v", query, w.Status, w.Header)
	}
	c := &client{s.T, w.Body, bufio.NewReader(w.Body)}
	first, err := c.block()
	if err != nil || first.id == "" || first.event != "" {
		s.Fatalf("the stream begins with %+v, %v", first, err)
	}
	return c, first.id
}

// block reads up to an empty line.
func (c *client) block() (e received, err error) {
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || line == "\n" {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.event = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		}
	}
}

// next returns the next event.
func (c *client) next() received {
	c.Helper()
	for {
		e, err := c.block()
		if err != nil {
			c.Fatalf("the stream ended: %v", err)
		}
		if e.event != "" {
			return e
		}
	}
}

// rest returns the events up to the end of the stream.
func (c *client) rest() (all []received) {
	for {
		e, err := c.block()
		if err != nil {
			return all
		}
		if e.event != "" {
			all = append(all, e)
		}
	}
}

func (c *client) expect(kind EventKind, parts ...string) received {
	c.Helper()
	e := c.next()
	if e.event != string(kind) || (e.id != "") != (kind == EventAlert) || !json.Valid([]byte(e.data)) {
		c.Fatalf("got %+v, want a %s", e, kind)
	}
	for _, part := range parts {
		if !strings.Contains(e.data, part) {
			c.Errorf("%s: %s has no %s", kind, e.data, part)
		}
	}
	return e
}

// A stream begins with the states and goes on with what happens, for longer than the server's deadlines.
func TestStream(t *testing.T) {
	s := serve(t)
	c, _ := s.connect("", "")
	c.expect(EventState, `"camera":"yard"`, `"state":"live"`)
	c.expect(EventState, `"camera":"gate"`)
	for range 20 { // of 10 ms each
		if e, err := c.block(); err != nil || e != (received{}) {
			t.Fatalf("instead of a heartbeat: %+v, %v", e, err)
		}
	}
	half := 0.5
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s.Hub().PublishScore(ScoreEvent{
		Camera: "gate", Time: at, Frame: 8, Error: 2, Regularity: &half, Threshold: &half, Cause: "motion",
		Motion: &alerts.Reading{Error: 2},
	})
	c.expect(EventScore, `{"camera":"gate","time":"2026-01-01T00:00:00Z","frame":8,"error":2,"regularity":0.5,`+
		`"cause":"motion","threshold":0.5,"motion":{"error":2}}`)
	s.Hub().PublishState(StateEvent{Camera: "yard", State: alerts.StateStalled, Since: &at, Detail: "why", Code: "x.y"})
	c.expect(EventState,
		`{"camera":"yard","state":"stalled","since":"2026-01-01T00:00:00Z","detail":"why","code":"x.y"}`)
	s.store("gate")
	c.expect(EventAlert, `{"camera":"gate","seq":0}`)
}

// The same over HTTP/2, where deadlines are those of a stream.
func TestStreamOverHTTP2(t *testing.T) {
	s := serveBy(t, func(h *httptest.Server) {
		h.EnableHTTP2 = true
		h.StartTLS()
	})
	w := s.get("?kind=alert", "")
	if w.ProtoMajor != 2 {
		t.Fatal(w.Proto)
	}
	c := &client{t, w.Body, bufio.NewReader(w.Body)}
	for range 20 { // of 10 ms each
		if e, err := c.block(); err != nil || e.event != "" {
			t.Fatalf("instead of a heartbeat: %+v, %v", e, err)
		}
	}
	s.store("gate")
	c.expect(EventAlert, `"seq":0`)
	s.Hub().Close()
	c.rest()
	s.untilOpen(0)
}

// Only what was asked for comes.
func TestStreamOfSome(t *testing.T) {
	s := serve(t)
	c, _ := s.connect("?camera=yard&kind=score,alert", "")
	s.Hub().PublishState(StateEvent{Camera: "yard", State: alerts.StateLive})
	s.Hub().PublishScore(ScoreEvent{Camera: "gate"})
	s.store("gate")
	s.Hub().PublishScore(ScoreEvent{Camera: "yard"})
	c.expect(EventScore, `"yard"`)
	s.store("yard")
	c.expect(EventAlert, `{"camera":"yard","seq":1}`)
	for query, status := range map[string]int{
		"?kind=picture": 422, "?camera=..": 422, "?x=1": 422, "?kind=score": 200,
	} {
		if w := s.get(query, ""); w.StatusCode != status {
			t.Errorf("%s: %s", query, w.Status)
		}
	}
	if w := s.get("", "", "Last-Event-ID", "x"); w.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a wrong id: %s", w.Status)
	}
}

// After a connection has broken each alert comes once, also if none had come before, and all of another store.
func TestStreamGoesOn(t *testing.T) {
	s := serve(t)
	s.store("gate")
	c, first := s.connect("?kind=alert", "")
	s.store("gate")
	last := c.expect(EventAlert, `"seq":1`).id
	if err := c.body.Close(); err != nil {
		t.Fatal(err)
	}
	s.store("yard")
	s.store("gate")
	for _, tt := range []struct {
		id   string
		want int
	}{{last, 2}, {first, 1}, {AlertPosition{time.Unix(1, 0), 3}.String(), 0}} {
		c, again := s.connect("?kind=alert", "", "Last-Event-ID", tt.id)
		if again != tt.id {
			t.Errorf("the stream behind %s begins with %s", tt.id, again)
		}
		for n := tt.want; n < 4; n++ {
			last = c.expect(EventAlert, fmt.Sprintf(`"seq":%d`, n)).id
		}
		if e, err := c.block(); err != nil || e.event != "" {
			t.Errorf("behind %s and the last one: %+v, %v", tt.id, e, err)
		}
	}
	if c, _ = s.connect("?kind=alert", "", "Last-Event-ID", last); c != nil {
		s.store("yard")
		c.expect(EventAlert, `"seq":4`)
	}
}

// A login that is limited to some cameras gets only their events.
func TestStreamOfLimitedLogin(t *testing.T) {
	s := serve(t)
	s.store("gate")
	token := s.token("screen", viewsYard)
	c, _ := s.connect("", token, "Last-Event-ID", AlertPosition{Store: storeCreated}.String())
	c.expect(EventState, `"yard"`)
	s.Hub().PublishScore(ScoreEvent{Camera: "gate"})
	s.Hub().PublishState(StateEvent{Camera: "gate"})
	s.Hub().PublishScore(ScoreEvent{Camera: "yard"})
	c.expect(EventScore, `"yard"`)
	s.store("yard")
	c.expect(EventAlert, `"yard"`)
	if w := s.get("?camera=gate", token); w.StatusCode != http.StatusNotFound {
		t.Errorf("a camera that it may not see: %s", w.Status)
	}
}

// A stream ends when its token is revoked, before the next alert in any case.
func TestStreamOfRevokedToken(t *testing.T) {
	for _, check := range []time.Duration{time.Millisecond, time.Hour} {
		s := serve(t)
		s.Hub().check = check
		token := s.token("screen", operator)
		c, _ := s.connect("", token)
		c.expect(EventState)
		c.expect(EventState)
		if err := s.accounts.RevokeToken("screen"); err != nil {
			t.Fatal(err)
		}
		if check == time.Hour {
			s.store("gate")
		}
		if got := c.rest(); len(got) > 0 {
			t.Errorf("after the token was revoked: %v", got)
		}
		if w := s.get("", token); w.StatusCode != http.StatusUnauthorized {
			t.Errorf("a new stream: %s", w.Status)
		}
	}
}

// slow opens a stream whose client reads nothing.
func (s *served) slow() {
	s.Helper()
	conn, err := net.Dial("tcp", s.http.Listener.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		s.Fatal(err)
	}
	open := s.Hub().Stats().Open
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", eventsPath); err != nil {
		s.Fatal(err)
	}
	s.untilOpen(open + 1)
}

func (s *served) untilOpen(n int) {
	s.Helper()
	alerttest.Eventually(alerttest.Within(s.T), s.T, fmt.Sprintf("%d streams", n),
		func() bool { return s.Hub().Stats().Open == n })
}

// A client that does not read is dropped and counted, while another one gets everything.
func TestSlowStreamIsDropped(t *testing.T) {
	s := serve(t)
	c, _ := s.connect("?kind=score", "")
	s.slow()
	frame := uint64(0)
	for ; s.Hub().Stats().Dropped == 0; frame++ {
		s.Hub().PublishScore(ScoreEvent{Camera: "gate", Frame: frame})
		c.expect(EventScore, fmt.Sprintf(`"frame":%d,`, frame))
	}
	s.untilOpen(1)
	if got := s.Hub().Stats(); got != (HubStats{Open: 1, Dropped: 1}) || frame < streamQueue {
		t.Errorf("after %d scores: %+v", frame, got)
	}
}

// There is a limit for a login, one for an address without a login, and one for all.
func TestNumberOfStreams(t *testing.T) {
	s := serve(t)
	expect := func(token string, status int) {
		t.Helper()
		w := s.get("", token)
		if w.StatusCode != status || (w.Header.Get("Retry-After") == "10") != (status != http.StatusOK) {
			t.Errorf("%s %v, want %d", w.Status, w.Header, status)
		}
	}
	var tokens []string
	for i := range maxStreams / maxStreamsOfLogin {
		tokens = append(tokens, s.token(fmt.Sprintf("screen%d", i), operator))
	}
	first, _ := s.connect("", "")
	for range maxStreamsOfLogin - 1 {
		expect("", http.StatusOK)
	}
	expect("", http.StatusTooManyRequests)
	for _, token := range tokens[1:] {
		for range maxStreamsOfLogin {
			expect(token, http.StatusOK)
		}
		expect(token, http.StatusTooManyRequests)
	}
	expect(tokens[0], http.StatusServiceUnavailable)
	if got := s.Hub().Stats(); got != (HubStats{Open: maxStreams, Refused: 9}) {
		t.Errorf("%+v", got)
	}
	if err := first.body.Close(); err != nil {
		t.Fatal(err)
	}
	s.untilOpen(maxStreams - 1)
	expect("", http.StatusOK)
}

// Streams whose clients have left, and those that are ended, leave nothing behind.
func TestStreamsLeaveNothing(t *testing.T) {
	leaktest.None(t, func() {
		t.Run("served", func(t *testing.T) {
			s := serve(t)
			var all []*client
			for range 4 {
				c, _ := s.connect("", "")
				all = append(all, c)
			}
			s.untilOpen(4)
			for _, c := range all[:3] {
				if err := c.body.Close(); err != nil {
					t.Error(err)
				}
			}
			s.untilOpen(1)
			s.slow()
			for frame := range uint64(streamQueue / 2) { // more than fits on the way
				s.Hub().PublishScore(ScoreEvent{Camera: "gate", Frame: frame})
			}
			s.Hub().Close()
			all[3].rest()
			s.untilOpen(0)
			if got := s.Hub().Stats(); got.Dropped != 0 {
				t.Errorf("%+v", got)
			}
			if w := s.get("", ""); w.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("after the end: %s", w.Status)
			}
		})
	})
}

// While no stream wants them, scores and states cost next to nothing.
func TestPublishingToNobody(t *testing.T) {
	h := NewHub()
	if n := testing.AllocsPerRun(100, func() {
		h.PublishScore(ScoreEvent{Camera: "gate"})
		h.PublishState(StateEvent{Camera: "gate"})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Publishing does not wait for streams of which none reads, and what cannot be encoded is left out.
func TestPublishingDoesNotBlock(t *testing.T) {
	h := NewHub()
	all := func(string) bool { return true }
	for range maxStreamsOfLogin {
		if _, err := h.subscribe("", []EventKind{EventScore}, all); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * streamQueue {
		h.PublishScore(ScoreEvent{Camera: "gate"})
	}
	if got := h.Stats(); got.Dropped != maxStreamsOfLogin {
		t.Errorf("%+v", got)
	}
	if _, err := h.subscribe("", nil, all); !errors.Is(err, errManyOfLogin) {
		t.Errorf("%v", err)
	}
	if text := encodeEvent(EventScore, "", ScoreEvent{Error: 1 / float64(len(h.logins)-1)}); text != nil {
		t.Errorf("%s", text)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, streams := range []int{0, 1, maxStreams} {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			h := NewHub()
			var subs []*subscription
			for i := range streams {
				s, err := h.subscribe(fmt.Sprint(i), []EventKind{EventScore},
					func(c string) bool { return c == "gate" })
				if err != nil {
					b.Fatal(err)
				}
				subs = append(subs, s)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.PublishScore(ScoreEvent{Camera: "gate"})
				for _, s := range subs {
					<-s.queue
				}
			}
		})
	}
}
