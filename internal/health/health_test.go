package health

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/outbox"
	"vigil/internal/alerttest"
	"vigil/pipeline"
)

// system is what a Health asks.
type system struct {
	mu        sync.Mutex
	cameras   []pipeline.Stats
	outbox    outbox.Stats
	connected map[string]bool
}

func (s *system) sources() Sources {
	return Sources{
		Cameras: func() []pipeline.Stats {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.Clone(s.cameras)
		},
		Outbox: func() outbox.Stats {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.outbox
		},
		Connected: func() map[string]bool { return s.connected },
	}
}

func (s *system) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// messages are those that systemd would receive.
type messages struct {
	mu  sync.Mutex
	all []string
}

func (m *messages) add(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, text)
}

func (m *messages) count(text string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.all {
		if one == text {
			n++
		}
	}
	return n
}

func ask(t *testing.T, h http.Handler, into any) int {
	t.Helper()
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if err := json.Unmarshal(r.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", r.Body, err)
	}
	return r.Code
}

// As long as clips are scored, or none waits, the watchdog is reset; when the scheduler hangs it is not, and /healthz
// says so.
func TestScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sent := &system{cameras: []pipeline.Stats{{Camera: "gate", State: alerts.StateLive}}}, &messages{}
		h := start(s.sources(), time.Minute, sent.add)
		defer h.Close()
		resets := func(during time.Duration) int {
			before := sent.count("WATCHDOG=1")
			time.Sleep(during)
			synctest.Wait()
			return sent.count("WATCHDOG=1") - before
		}
		alive := func() int { return ask(t, h.AliveHandler(), new(Alive)) }
		if n := resets(10 * time.Minute); n < 100 || alive() != http.StatusOK {
			t.Errorf("without clips the watchdog is reset %d times in 10 minutes, /healthz is %d", n, alive())
		}
		for range 10 {
			s.set(func() { s.cameras[0].Scored, s.cameras[0].Pending = s.cameras[0].Scored+1, 1 })
			if n := resets(stuckAfter / 2); n < 5 || alive() != http.StatusOK {
				t.Errorf("while clips are scored the watchdog is reset %d times, /healthz is %d", n, alive())
			}
		}
		time.Sleep(stuckAfter)
		if n := resets(time.Minute); n != 0 || alive() != http.StatusServiceUnavailable {
			t.Errorf("while the scheduler hangs the watchdog is reset %d times, /healthz is %d", n, alive())
		}
		s.set(func() { s.cameras[0].Scored++ })
		if n := resets(time.Minute); n < 5 || alive() != http.StatusOK {
			t.Errorf("when it goes on the watchdog is reset %d times, /healthz is %d", n, alive())
		}
	})
}

// Counters that cannot be read because a lock is held count as a hanging scheduler.
func TestHangingCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sent, release := &system{}, &messages{}, make(chan struct{})
		sources, hang := s.sources(), new(atomic.Bool)
		sources.Cameras = func() []pipeline.Stats {
			if hang.Load() {
				<-release
			}
			return nil
		}
		h := start(sources, time.Minute, sent.add)
		defer h.Close()
		hang.Store(true)
		time.Sleep(5 * time.Minute)
		if n := sent.count("WATCHDOG=1"); n != 0 ||
			ask(t, h.AliveHandler(), new(Alive)) != http.StatusServiceUnavailable {
			t.Errorf("the watchdog was reset %d times, and /healthz is fine", n)
		}
		close(release)
	})
}

// A store that cannot be written makes /healthz fail, and the watchdog is reset: a restart would lose alerts.
func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sent := &system{}, &messages{}
		h := start(s.sources(), time.Minute, sent.add)
		defer h.Close()
		s.set(func() { s.outbox.FailingSince, s.outbox.FailingCode = time.Now(), "store.disk_full" })
		time.Sleep(time.Minute)
		synctest.Wait()
		var a Alive
		if code := ask(t, h.AliveHandler(), &a); code != http.StatusServiceUnavailable || a.OK || !a.Checks[0].OK ||
			a.Checks[1].OK || a.Checks[1].Code != "store.disk_full" {
			t.Errorf("%d %+v", code, a)
		}
		if sent.count("WATCHDOG=1") < 5 ||
			sent.count("STATUS=0 of 0 cameras live, 0 messages wait for sinks, ALARM: alerts cannot be stored") != 1 {
			t.Errorf("sent was %q", sent.all)
		}
	})
}

func TestReady(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	camera := func(name string, state alerts.State) pipeline.Stats {
		return pipeline.Stats{Camera: name, State: state, Since: since}
	}
	for _, tt := range []struct {
		name          string
		system        *system
		reasons, info []string
	}{
		{"nothing", &system{}, nil, nil},
		{
			"all fine", &system{
				cameras:   []pipeline.Stats{camera("gate", alerts.StateLive)},
				outbox:    outbox.Stats{Sinks: []outbox.SinkStats{{Name: "mqtt"}, {Name: "webhook", Waiting: 3}}},
				connected: map[string]bool{"mqtt": true},
			}, nil, nil,
		},
		{
			"cameras", &system{cameras: []pipeline.Stats{
				camera("a", alerts.StateStalled), camera("b", alerts.StateDisarmed), camera("c", alerts.StateUntrusted),
				camera("d", alerts.StateEnded), camera("e", alerts.StateFailing), camera("f", ""),
				camera("g", alerts.StatePausedOverload), camera("h", alerts.StateSnoozed),
			}},
			[]string{"camera a stalled", "camera c untrusted", "camera e failing", "camera f connecting"},
			[]string{"camera b disarmed", "camera d ended", "camera g paused_overload", "camera h snoozed"},
		},
		{
			"sinks", &system{
				outbox: outbox.Stats{Sinks: []outbox.SinkStats{
					{Name: "nats", Oldest: since, Failing: true},
					{Name: "mqtt", Failing: true},
					{Name: "webhook", Failing: true},
				}},
				connected: map[string]bool{"nats": false, "mqtt": true},
			}, []string{"sink nats disconnected", "sink mqtt failing", "sink webhook failing"}, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := start(tt.system.sources(), 0, func(string) {})
			defer h.Close()
			var r Ready
			code := ask(t, h.ReadyHandler(), &r)
			texts := func(items []Item) (all []string) {
				for _, i := range items {
					all = append(all, i.Kind+" "+i.Name+" "+i.State)
				}
				return all
			}
			if !slices.Equal(texts(r.Reasons), tt.reasons) || !slices.Equal(texts(r.Info), tt.info) {
				t.Errorf("reasons %v, info %v", r.Reasons, r.Info)
			}
			if r.Ready != (len(tt.reasons) == 0) || (code == http.StatusOK) != r.Ready {
				t.Errorf("ready %v with status %d", r.Ready, code)
			}
			for _, i := range r.Reasons {
				if (i.Kind == KindCamera || i.Name == "nats") && (i.Since == nil || !i.Since.Equal(since)) {
					t.Errorf("%s is so since %v", i.Name, i.Since)
				}
			}
		})
	}
}

// The protocol of systemd, over a socket as systemd's.
func TestSystemd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "60000")
	t.Setenv("WATCHDOG_PID", "")
	next := func() string {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(alerttest.LongWait)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	s := &system{cameras: []pipeline.Stats{{Camera: "gate", State: alerts.StateLive}}}
	h := NewHealth(s.sources(), slog.New(slog.DiscardHandler))
	for _, want := range []string{
		"READY=1", "STATUS=1 of 1 cameras live, 0 messages wait for sinks", "WATCHDOG=1", "WATCHDOG=1",
	} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.set(func() { s.cameras[0].State = alerts.StateStalled })
	for got := next(); got != "STATUS=0 of 1 cameras live, 0 messages wait for sinks"; got = next() {
		if !strings.HasPrefix(got, "WATCHDOG=1") {
			t.Fatalf("got %q", got)
		}
	}
	h.Close()
	for got := next(); got != "STOPPING=1"; got = next() {
		if got != "WATCHDOG=1" {
			t.Fatalf("got %q", got)
		}
	}
}
