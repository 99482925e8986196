package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/alerttest"
	"vigil/internal/errcode"
)

// gates is a system with one camera.
type gates struct {
	set      alerts.Switches
	full     bool
	by       string
	edit     Edit
	revision uint64
}

func (g *gates) Status(context.Context) Status {
	return Status{Version: "1", Cameras: []Camera{g.camera()}, Sinks: []Sink{}}
}

func (g *gates) camera() Camera {
	return Camera{Name: "gate", Configured: true, Switches: Switches{
		Paused: g.set.Paused, PausedUntil: g.set.PausedUntil, SnoozedUntil: g.set.SnoozedUntil,
		DetectionOff: g.set.DetectionOff,
	}}
}

func (g *gates) Camera(_ context.Context, name string) (Camera, error) {
	if name != "gate" {
		return Camera{}, fmt.Errorf("camera %q: %w", name, ErrNoCamera)
	}
	return g.camera(), nil
}

func (g *gates) Switch(ctx context.Context, name string, c alerts.SwitchChange, by string) (Camera, error) {
	if _, err := g.Camera(ctx, name); err != nil {
		return Camera{}, err
	}
	if g.full {
		return Camera{}, errcode.StoreDiskFull.New("no space left")
	}
	g.set.Camera = name
	after, err := g.set.With(c, by, time.Now())
	if err != nil {
		return Camera{}, Invalid{err}
	}
	g.set, g.by = after, by
	return g.camera(), nil
}

func (g *gates) PutCamera(_ context.Context, name string, e Edit) (Edited, error) {
	g.edit = e
	switch {
	case name == "file":
		return Edited{}, OfFile{errcode.CameraOfFile.New("camera file is in vigil.yaml")}
	case e.Revision != g.revision:
		return Edited{}, Stale{errcode.CameraChanged.New("is at another revision")}
	case string(e.Settings) == "":
		return Edited{}, Invalid{errors.New("is empty")}
	}
	if !e.Check {
		g.revision++
	}
	return Edited{Name: name, Effect: EffectAdded, Check: e.Check, Revision: g.revision}, nil
}

func (g *gates) RemoveCamera(_ context.Context, name string, e Edit) (Edited, error) {
	g.edit = e
	if name != "gate" {
		return Edited{}, fmt.Errorf("camera %q: %w", name, ErrNoCamera)
	}
	return Edited{Name: name, Effect: EffectRemoved, Check: e.Check}, nil
}

// Cameras are changed over the socket, with the revision that is replaced.
func TestEditOverSocket(t *testing.T) {
	system := &gates{}
	c, ctx := newClient(t, serve(t, system)), alerttest.Within(t)
	add := Edit{Settings: []byte(`{"source": "rtsp://x/"}`)}
	for _, check := range []bool{true, false} {
		add.Check = check
		got, err := c.PutCamera(ctx, "gate", add)
		if err != nil || got.Effect != EffectAdded || got.Check != check || system.edit.By != "cli" ||
			string(system.edit.Settings) != string(add.Settings) || (got.Revision > 0) == check {
			t.Errorf("%+v of %+v, %v", got, system.edit, err)
		}
	}
	if _, err := c.PutCamera(ctx, "gate", add); !errors.As(err, new(Stale)) ||
		errcode.Of(err) != errcode.CameraChanged {
		t.Errorf("without the revision: %v", err)
	}
	add.Revision = 1
	if got, err := c.PutCamera(ctx, "gate", add); err != nil || got.Revision != 2 {
		t.Errorf("with the revision: %+v, %v", got, err)
	}
	if _, err := c.PutCamera(ctx, "file", add); !errors.As(err, new(OfFile)) ||
		errcode.Of(err) != errcode.CameraOfFile {
		t.Errorf("of the file: %v", err)
	}
	if _, err := c.PutCamera(ctx, "gate", Edit{Revision: 2}); !errors.As(err, new(Invalid)) {
		t.Errorf("without settings: %v", err)
	}
	add.Settings = make([]byte, maxCamera+1)
	if _, err := c.PutCamera(ctx, "gate", add); !errors.As(err, new(Invalid)) {
		t.Errorf("with too many settings: %v", err)
	}
	if got, err := c.RemoveCamera(ctx, "gate", Edit{Check: true, Revision: 2}); err != nil || !got.Check ||
		system.edit.Revision != 2 {
		t.Errorf("%+v of %+v, %v", got, system.edit, err)
	}
	if _, err := c.RemoveCamera(ctx, "barn", Edit{}); !errors.As(err, new(Invalid)) {
		t.Errorf("an unknown camera is removed: %v", err)
	}
}

// serve serves a system on the socket of a new data directory.
func serve(t *testing.T, system System) (dataDir string) {
	t.Helper()
	dataDir = t.TempDir()
	l, err := Listen(t.Context(), dataDir)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, Handler(system, "cli"), slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dataDir, socketFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	return dataDir
}

func newClient(t *testing.T, dataDir string) *Client {
	t.Helper()
	c, err := NewClient(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A client asks and switches over the socket, which only its user may open.
func TestClientOverSocket(t *testing.T) {
	system := &gates{}
	dir := serve(t, system)
	if info, err := os.Lstat(filepath.Join(dir, socketFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	c, ctx := newClient(t, dir), alerttest.Within(t)
	if s, err := c.Status(ctx); err != nil || s.Version != "1" || len(s.Cameras) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if all, err := c.Cameras(ctx); err != nil || len(all.Cameras) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	one, err := c.Switch(ctx, "gate", ChangeRequest{Action: alerts.ActionPause, For: "2h"})
	if err != nil || !one.Switches.Paused || time.Until(*one.Switches.PausedUntil) < 119*time.Minute ||
		system.by != "cli" {
		t.Errorf("%+v by %s, %v", one, system.by, err)
	}
	if one, err := c.Camera(ctx, "gate"); err != nil || !one.Switches.Paused {
		t.Errorf("%+v, %v", one, err)
	}
	for _, name := range []string{"barn", "../status", "a b", ""} {
		if _, err := c.Camera(ctx, name); err == nil {
			t.Errorf("camera %q is there", name)
		}
	}
	if _, err := c.Camera(ctx, "barn"); !errors.As(err, new(Invalid)) ||
		!strings.Contains(err.Error(), "no such camera") {
		t.Errorf("of an unknown camera: %v", err)
	}
	if _, err := c.Switch(ctx, "gate", ChangeRequest{Action: alerts.ActionSnooze}); !errors.As(err, new(Invalid)) {
		t.Errorf("a snooze without an end: %v", err)
	}
	system.full = true
	_, err = c.Switch(ctx, "gate", ChangeRequest{Action: alerts.ActionResume})
	if err == nil || errors.As(err, new(Invalid)) || errcode.Of(err) != errcode.StoreDiskFull {
		t.Errorf("on a full disk: %v with code %s", err, errcode.Of(err))
	}
}

// Requests that are not valid are refused with a reason and change nothing.
func TestHandlerRefuses(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/v1/cameras/barn", "", 404, "no such camera"},
		{"POST", "/v1/cameras/barn/switches", `{"action":"pause"}`, 404, "no such camera"},
		{"POST", "/v1/cameras/gate/switches", ``, 400, "not valid"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause"`, 400, "not valid"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause"} x`, 400, "something follows"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","by":"x"}`, 400, "unknown field"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"stop"}`, 400, "must be pause"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","for":"soon"}`, 400, "for is"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","for":"-2h"}`, 400, "for is"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","for":"99999h"}`, 400, "for is"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","until":"0001-01-01T00:00:00Z"}`, 400, "future"},
		{"POST", "/v1/cameras/gate/switches", `{"action":"pause","until":"2020-01-01T00:00:00Z"}`, 400, "future"},
		{
			"POST", "/v1/cameras/gate/switches", `{"action":"pause","for":"1h","until":"2120-01-01T00:00:00Z"}`,
			400, "not both",
		},
		{"POST", "/v1/cameras/gate/switches", `{"action":"` + strings.Repeat("x", maxRequest) + `"}`, 400, "too large"},
		{"PATCH", "/v1/cameras/gate", "", 405, ""},
		{"GET", "/v1/nothing", "", 404, ""},
	} {
		system := &gates{}
		w := httptest.NewRecorder()
		Handler(system, "cli").ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path,
			strings.NewReader(tt.body)))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || system.by != "" {
			t.Errorf("%s %s %.60s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
		if tt.says != "" && json.Unmarshal(w.Body.Bytes(), new(Failure)) != nil {
			t.Errorf("the answer is %s", w.Body)
		}
	}
}

// A socket is replaced only if a dead process left it, and nothing else at its path is touched.
func TestListen(t *testing.T) {
	stale := func(t *testing.T, path string) {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = l.Close()
	}
	for name, tt := range map[string]struct {
		before func(t *testing.T, path string)
		says   string
	}{
		"nothing there": {func(*testing.T, string) {}, ""},
		"stale":         {stale, ""},
		"in use": {func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "another process answers"},
		"a file": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is not a socket"},
		"a link": {func(t *testing.T, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Fatal(err)
			}
		}, "is not a socket"},
		"a folder of everybody": {func(t *testing.T, path string) {
			if err := os.Chmod(filepath.Dir(path), 0o777); err != nil { //nolint:gosec // That is the test.
				t.Fatal(err)
			}
		}, "chmod o-w"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, socketFile)
			tt.before(t, path)
			before, _ := os.Lstat(path)
			l, err := Listen(t.Context(), dir)
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = l.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || errcode.Of(err) != errcode.ServerControl {
				t.Errorf("%v", err)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("what was there was replaced")
			}
		})
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if _, err := Listen(t.Context(), long); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := NewClient(long); err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a long path: %v", err)
	}
	if _, err := Listen(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("it listens in a missing folder")
	}
}

// Without a vigil the client says so; an answer that is not one is an error.
func TestClientWithoutVigil(t *testing.T) {
	dir := t.TempDir()
	if _, err := newClient(t, dir).Status(t.Context()); errcode.Of(err) != errcode.StoreNotRunning {
		t.Errorf("nothing there: %v", err)
	}
	l, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/status" {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, "<html>")
	}), slog.New(slog.DiscardHandler))
	defer s.Close()
	if _, err := newClient(t, dir).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("another status: %v", err)
	}
	if _, err := newClient(t, dir).Cameras(t.Context()); err == nil || !strings.Contains(err.Error(), "the answer of") {
		t.Errorf("another answer: %v", err)
	}
}

func TestParseUntil(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, zone)
	for text, want := range map[string]string{
		"18:00": "2026-11-30T18:00:00+01:00", "12:00": "2026-12-01T12:00:00+01:00",
		"11:59":            "2026-12-01T11:59:00+01:00",
		"2026-12-24T18:00": "2026-12-24T18:00:00+01:00", "2026-12-24 18:00": "2026-12-24T18:00:00+01:00",
		"2026-12-24T18:00:00Z": "2026-12-24T18:00:00Z",
	} {
		if at, err := ParseUntil(text, now); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v; want %s", text, at, err, want)
		}
	}
	for _, text := range []string{"", "6pm", "25:00", "18:00:00x", "tomorrow"} {
		if at, err := ParseUntil(text, now); err == nil {
			t.Errorf("%q is %v", text, at)
		}
	}
}

// What is printed cannot steer a terminal, and shows each switch.
func TestPrint(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.Local)
	on := true
	regularity, threshold := 0.9, 0.02
	gate := Camera{
		Name: "gate", Configured: true, Source: "rtsp://x/\x1b[2J", State: "snoozed", Since: &at,
		Detail: "until \x1b[1m", FramesPerSecond: 9.96, ClipsScored: 12, Regularity: &regularity, Threshold: &threshold,
		Switches: Switches{SnoozedUntil: &at, DetectionOff: true, PausedUntil: &at, Paused: true},
		Changes:  []Change{{"snooze", "cli", at}},
	}
	s := Status{
		Version: "1.2", UptimeSeconds: 93784, Store: Store{Bytes: 3 << 19, Alerts: 7},
		Cameras: []Camera{gate, {Name: "old", Switches: Switches{Paused: true}}},
		Config: &Config{
			File: "/etc/vigil.yaml", InForce: at, LastReload: &at,
			Error:       "/etc/vigil.yaml has 2 problems:\nvigil.yaml:3: \x1b[1m",
			NeedRestart: []string{"log.level", "threads"},
		},
		Sinks: []Sink{{Name: "mqtt", Connected: &on, Behind: []string{"gate"}}, {Name: "webhook"}},
	}
	var b strings.Builder
	for _, one := range []interface{ Print(w io.Writer) error }{s, gate, Changed(gate), Changed(s.Cameras[1])} {
		if err := one.Print(&b); err != nil {
			t.Fatal(err)
		}
	}
	if strings.ContainsRune(b.String(), 0x1b) {
		t.Errorf("a control character is printed:\n%q", b.String())
	}
	for _, want := range []string{
		"vigil 1.2, up 1 d 2 h, store 1.5 MiB with 7 messages", "not configured", "connected", "10.0", "0.90",
		"paused until 2026-11-30 12:00:00, snoozed until 2026-11-30 12:00:00, detection off", "snooze (cli)",
		"old: paused (not configured)", "configuration /etc/vigil.yaml of 2026-11-30 12:00:00",
		"  the file of 2026-11-30 12:00:00 is NOT in force", "\n  vigil.yaml:3: \\x1b[1m\n",
		"only after a restart: log.level, threads",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// Close returns after the handlers, also one that goes on when its context has ended.
func TestCloseWaitsForHandlers(t *testing.T) {
	dir := t.TempDir()
	l, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ended, release := make(chan struct{}), make(chan struct{})
	var finished atomic.Bool
	started := make(chan struct{})
	s := Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		close(ended)
		<-release
		finished.Store(true)
	}), slog.New(slog.DiscardHandler))
	asked := make(chan error, 1)
	go func() {
		c, err := NewClient(dir)
		if err == nil {
			_, err = c.Status(t.Context())
		}
		asked <- err
	}()
	<-started
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	<-ended
	for range 10_000 { // gives a Close that does not wait the time to return
		runtime.Gosched()
	}
	select {
	case <-closed:
		t.Error("it did not wait")
		close(release)
	default:
		close(release)
		if <-closed; !finished.Load() {
			t.Error("the handler has not finished")
		}
	}
	if <-asked == nil {
		t.Error("the request was answered")
	}
}
