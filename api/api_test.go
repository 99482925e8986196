package api

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
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/api/access"
	"vigil/api/problem"
	"vigil/internal/errcode"
)

// secret is a password that no answer may have.
const secret = "hunter2hunter2"

// Logins.
var (
	anonymous   = access.Grant{} // on the loopback address: it may view
	operator    = access.Grant{Role: access.RoleOperate}
	viewsYard   = access.Grant{Role: access.RoleView, Cameras: []string{"yard"}}
	operateHall = access.Grant{Role: access.RoleOperate, Cameras: []string{"hall"}}
)

// open returns the handler of a system for requests with a login.
func open(t *testing.T, s System, login access.Grant) http.Handler {
	t.Helper()
	store := access.NewStore(t.TempDir())
	mux := access.NewMux(access.NewGuard(access.Options{
		Store: store, Loopback: true, Anonymous: true, Log: slog.New(slog.DiscardHandler),
	}))
	AddRoutes(mux, s)
	if login.Role == "" {
		return mux
	}
	token, err := store.AddToken("test", login, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
		mux.ServeHTTP(w, r)
	})
}

// gates is a system with two cameras: gate, made at run time, and yard, of the file.
type gates struct {
	set      alerts.Switches
	revision uint64 // of gate; 0 if it was removed
	full     bool
	left     bool   // the switches of a camera that was removed, left, are stored
	acked    string // by whom
	edit     Edit
	live

	noPicture error // of Snapshot
}

func (g *gates) Status(context.Context) Status {
	s := Status{Version: "1", Sinks: []Sink{}, Cameras: []Camera{g.yard()}}
	if g.revision > 0 {
		s.Cameras = append(s.Cameras, g.gate())
	}
	if g.left {
		s.Cameras = append(s.Cameras, Camera{Name: "left"})
	}
	return s
}

func (g *gates) yard() Camera {
	return Camera{Name: "yard", Configured: true, Origin: OriginFile, State: alerts.StateLive}
}

func (g *gates) gate() Camera {
	return Camera{
		Name: "gate", Configured: true, Origin: OriginRuntime, Revision: g.revision,
		Source: "rtsp://user:***@camera/AbCdEf", Switches: Switches{Paused: g.set.Paused},
	}
}

func (g *gates) Camera(ctx context.Context, name string) (Camera, error) {
	for _, c := range g.Status(ctx).Cameras {
		if c.Name == name {
			return c, nil
		}
	}
	return Camera{}, fmt.Errorf("camera %q: %w", name, ErrNoCamera)
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
		return Camera{}, Invalid{Err: err}
	}
	g.set = after
	return g.Camera(ctx, name)
}

func (g *gates) PutCamera(_ context.Context, name string, e Edit) (Edited, error) {
	g.edit = e
	switch {
	case name == "yard":
		return Edited{}, OfFile{Err: errcode.CameraOfFile.New("camera yard is in vigil.yaml")}
	case name == "gate" && e.Revision != g.revision, name != "gate" && e.Revision != 0:
		return Edited{}, Stale{Err: errcode.CameraChanged.New("is at another revision")}
	case strings.Contains(string(e.Settings), "bogus"):
		return Edited{}, Invalid{Err: errcode.ConfigUnknownKey.New("bogus: is not a key")}
	}
	done := Edited{Name: name, Effect: EffectAdded, Check: e.Check}
	if !e.Check {
		done.Revision = e.Revision + 1
		if name == "gate" {
			g.revision = done.Revision
		}
	}
	return done, nil
}

func (g *gates) RemoveCamera(_ context.Context, name string, e Edit) (Edited, error) {
	switch {
	case name == "yard":
		return Edited{}, OfFile{Err: errcode.CameraOfFile.New("camera yard is in vigil.yaml")}
	case name != "gate":
		return Edited{}, fmt.Errorf("camera %q: %w", name, ErrNoCamera)
	case e.Revision != 0 && e.Revision != g.revision:
		return Edited{}, Stale{Err: errcode.CameraChanged.New("is at another revision")}
	}
	if !e.Check {
		g.revision = 0
	}
	return Edited{Name: name, Effect: EffectRemoved, Check: e.Check}, nil
}

// ask sends a request to a handler. headers are names and values in turn.
func ask(t *testing.T, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Host = "localhost"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), secret) || strings.Contains(fmt.Sprint(w.Header()), secret) {
		t.Errorf("%s %s: the answer has a password: %s", method, path, w.Body)
	}
	return w
}

func read[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return v
}

// The list and the document are served as they are on a Unix socket.
func TestSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: open(t, &gates{revision: 1}, anonymous), ConnContext: access.ConnContext,
		ReadHeaderTimeout: time.Minute,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
		},
	}}
	for path, want := range map[string]string{
		"/api/v1/cameras": `{"cameras":[{"name":"gate",`, "/api/openapi.json": string(Document()),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vigil"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %s %.100s %v", path, res.Status, text, err)
		}
	}
}

// Requests about cameras, one after another on one system, with the status, the code and a part of the answer.
func TestCameras(t *testing.T) {
	const match = "If-Match"
	source := `"source":"rtsp://user:` + secret + `@camera/"`
	g := &gates{revision: 6, left: true}
	h := open(t, g, operator)
	for _, tt := range []struct {
		method, path, body string
		headers            []string
		status             int
		code, want, etag   string
	}{
		{method: "GET", path: "/cameras/gate", status: 200, want: `"revision":6`, etag: `"6"`},
		{method: "GET", path: "/cameras/yard", status: 200, want: `"origin":"file"`},
		{method: "GET", path: "/cameras/none", status: 404, code: "camera.unknown"},
		{method: "GET", path: "/cameras/..%2f..%2fetc%2fpasswd", status: 404, code: "camera.unknown"},
		{method: "GET", path: "/cameras?limit=0", status: 422, code: "request.invalid", want: `"at":"query.limit"`},
		{method: "GET", path: "/cameras?bogus=1", status: 422, code: "request.invalid", want: `"at":"query.bogus"`},
		{method: "GET", path: "/cameras?cursor=!", status: 422, code: "request.invalid"},
		{
			method: "DELETE", path: "/cameras/gate?check=", headers: []string{match, `*`}, status: 422,
			want: `"at":"query.check"`,
		},
		{
			method: "DELETE", path: "/cameras/gate?check=0&check=1", headers: []string{match, `*`}, status: 422,
			want: `"at":"query.check"`,
		},
		{method: "DELETE", path: "/cameras/gate?check=%", headers: []string{match, `*`}, status: 422, want: "query"},
		{method: "DELETE", path: "/cameras/gate?;check=1", headers: []string{match, `*`}, status: 422, want: "query"},
		{
			method: "PUT", path: "/cameras/left", body: `{}`, headers: []string{match, `*`}, status: 404,
			code: "camera.unknown",
		},
		{
			method: "POST", path: "/cameras", body: `{"name":"new",` + source + `}`, status: 201, want: `"added"`,
			etag: `"1"`,
		},
		{
			method: "POST", path: "/cameras?check=1", body: `{"name":"new",` + source + `}`, status: 200,
			want: `"check":true`,
		},
		{method: "POST", path: "/cameras", body: `{"name":"gate",` + source + `}`, status: 409, code: "camera.changed"},
		{method: "POST", path: "/cameras", body: `{"name":"yard",` + source + `}`, status: 409, code: "camera.of_file"},
		{
			method: "POST", path: "/cameras", body: `{` + source + `}`, status: 422, code: "request.invalid",
			want: "body.name",
		},
		{method: "POST", path: "/cameras", body: `{"name":7,` + source + `}`, status: 422, code: "request.invalid"},
		{method: "POST", path: "/cameras", body: `[` + `"` + secret + `"]`, status: 422, code: "request.invalid"},
		{method: "POST", path: "/cameras", body: `{"name":"x",` + source, status: 400, code: "request.invalid"},
		{method: "POST", path: "/cameras", body: ``, status: 400, code: "request.invalid"},
		{
			method: "POST", path: "/cameras", body: `{"name":"x","bogus":1,` + source + `}`, status: 422,
			code: "config.unknown_key",
		},
		{
			method: "POST", path: "/cameras", body: `{"name":"` + strings.Repeat("x", maxSettings) + `"}`, status: 413,
			code: "request.too_large",
		},
		{method: "PUT", path: "/cameras/gate", body: `{}`, status: 428, code: "request.no_match"},
		{method: "PUT", path: "/cameras/none", body: `{}`, status: 404, code: "camera.unknown"},
		{method: "PUT", path: "/cameras/yard", body: `{}`, status: 409, code: "camera.of_file"},
		{
			method: "PUT", path: "/cameras/gate", body: `{}`, headers: []string{match, `"5"`}, status: 412,
			code: "camera.changed",
		},
		{
			method: "PUT", path: "/cameras/gate", body: `{}`, headers: []string{match, `W/"6"`}, status: 412,
			code: "camera.changed",
		},
		{
			method: "PUT", path: "/cameras/gate", body: `{}`, headers: []string{match, `6`}, status: 412,
			code: "camera.changed",
		},
		{method: "PUT", path: "/cameras/gate?check=1", body: `{}`, headers: []string{match, `"6"`}, status: 200},
		{method: "PUT", path: "/cameras/gate", body: `{}`, headers: []string{match, `"6"`}, status: 200, etag: `"7"`},
		{method: "PUT", path: "/cameras/gate", body: `{}`, headers: []string{match, `*`}, status: 200, etag: `"8"`},
		{
			method: "POST", path: "/cameras/gate/switches", body: `{"action":"pause"}`, status: 200,
			want: `"paused":true`, etag: `"8"`,
		},
		{
			method: "POST", path: "/cameras/gate/switches", body: `{"action":"snooze","for":"1h"}`, status: 200,
			etag: `"8"`,
		},
		{
			method: "POST", path: "/cameras/gate/switches", body: `{"action":"snooze","for":"soon"}`, status: 422,
			code: "request.invalid",
		},
		{
			method: "POST", path: "/cameras/gate/switches", body: `{"action":"explode"}`, status: 422,
			want: "body.action",
		},
		{method: "POST", path: "/cameras/gate/switches", body: `{"action":"pause","x":1}`, status: 422, want: "body.x"},
		{
			method: "POST", path: "/cameras/none/switches", body: `{"action":"pause"}`, status: 404,
			code: "camera.unknown",
		},
		{method: "DELETE", path: "/cameras/gate", status: 428, code: "request.no_match"},
		{method: "DELETE", path: "/cameras/gate", headers: []string{match, `"7"`}, status: 412, code: "camera.changed"},
		{
			method: "DELETE", path: "/cameras/gate?check=1", headers: []string{match, `"8"`}, status: 200,
			want: `"removed"`,
		},
		{method: "DELETE", path: "/cameras/yard", headers: []string{match, "*"}, status: 409, code: "camera.of_file"},
		{
			method: "DELETE", path: "/cameras/gate?check=1", headers: []string{match, "*"}, status: 200,
			want: `"removed"`,
		},
		{method: "DELETE", path: "/cameras/gate", headers: []string{match, `"8"`}, status: 200, want: `"removed"`},
		{method: "GET", path: "/cameras/gate", status: 404, code: "camera.unknown"},
		{method: "PATCH", path: "/cameras/gate", status: 405, code: "request.not_found"},
		{method: "GET", path: "/nothing", status: 404, code: "request.not_found"},
	} {
		name := strings.TrimSpace(tt.method + " " + tt.path + " " + tt.body[:min(40, len(tt.body))])
		w := ask(t, h, tt.method, root+tt.path, tt.body, tt.headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || w.Header().Get("ETag") != tt.etag {
			t.Errorf("%s: %d %q %s", name, w.Code, w.Header().Get("ETag"), w.Body)
		}
		if w.Code >= 400 {
			p := read[problem.Problem](t, w)
			if w.Header().Get("Content-Type") != problem.Type || p.Status != w.Code || p.Title == "" ||
				p.Remedy == "" ||
				tt.code != "" && p.Code != tt.code {
				t.Errorf("%s: %s", name, w.Body)
			}
		}
	}
	g.full = true
	w := ask(t, h, "POST", "/api/v1/cameras/yard/switches", `{"action":"pause"}`)
	if p := read[problem.Problem](t, w); w.Code != http.StatusServiceUnavailable || p.Code != "store.disk_full" {
		t.Errorf("with a full disk: %d %s", w.Code, w.Body)
	}
}

// The password of a new camera reaches the system, and who makes it is recorded.
func TestSettingsArriveWhole(t *testing.T) {
	g := &gates{}
	settings := `{"name":"new","source":"rtsp://user:` + secret + `@camera/"}`
	if w := ask(t, open(t, g, operator), "POST", "/api/v1/cameras", settings); w.Code != http.StatusCreated ||
		w.Header().Get("Location") != "/api/v1/cameras/new" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if string(g.edit.Settings) != settings || g.edit.By != "token:test" || g.edit.Revision != 0 {
		t.Errorf("the system was given %s by %s", g.edit.Settings, g.edit.By)
	}
}

// crowd is a system with many cameras.
type crowd struct {
	gates
	names []string
}

func (c *crowd) Status(context.Context) (s Status) {
	for _, name := range c.names {
		s.Cameras = append(s.Cameras, Camera{Name: name})
	}
	return s
}

// Following next gives each camera once, by name, also while one is removed.
func TestPages(t *testing.T) {
	c := &crowd{names: []string{"e", "b", "d", "a", "c", "c"}}
	h := open(t, c, anonymous)
	var got []string
	for path := "/api/v1/cameras?limit=2"; path != ""; {
		page := read[CameraList](t, ask(t, h, "GET", path, ""))
		for _, one := range page.Cameras {
			got = append(got, one.Name)
		}
		if path = ""; page.Next != "" {
			path = "/api/v1/cameras?limit=2&cursor=" + page.Next
		}
		c.names = slices.DeleteFunc(slices.Clone(c.names), func(name string) bool { return name == "b" })
	}
	if want := []string{"a", "b", "c", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func (*gates) OpenAddress(context.Context) (OneTimeAddress, error) {
	return OneTimeAddress{URL: "http://127.0.0.1:8080/open?once=x"}, nil
}
