package api

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"vigil/api/access"
)

// routes are what every route requires. A route that is not here fails the walk.
var routes = map[string]string{
	"GET /api/openapi.json":                   "view of some cameras",
	"GET /api/v1/status":                      "view",
	"GET /api/v1/cameras":                     "view of some cameras",
	"POST /api/v1/cameras":                    "operate",
	"GET /api/v1/cameras/{name}":              "view {name}",
	"PUT /api/v1/cameras/{name}":              "operate",
	"DELETE /api/v1/cameras/{name}":           "operate",
	"POST /api/v1/cameras/{name}/switches":    "operate {name}",
	"GET /api/v1/cameras/{name}/snapshot":     "view {name}",
	"GET /api/v1/cameras/{name}/calibration":  "view {name}",
	"GET /api/v1/calibrations":                "view of some cameras",
	"GET /api/v1/models":                      "view of some cameras",
	"GET /api/v1/alerts":                      "view of some cameras",
	"GET /api/v1/alerts/{id}":                 "view of some cameras",
	"POST /api/v1/alerts/{id}/ack":            "operate of some cameras",
	"GET /api/v1/alerts/{id}/evidence/{file}": "view of some cameras",
	"GET /api/v1/events":                      "view of some cameras",
	"GET /api/v1/health":                      "view of some cameras",
	"GET /api/v1/config":                      "operate",
	"POST /api/v1/config/check":               "operate",
	"GET /api/v1/errors":                      "view of some cameras",
	"GET /api/v1/errors/{code}":               "view of some cameras",
	"POST /api/v1/login":                      "public",
	"POST /api/v1/logout":                     "public",
	"GET /api/v1/session":                     "view of some cameras",
	"POST /api/v1/open":                       "operate",
}

// call is a request that is valid where the visitor may make it, and its answer then; by default 200.
type call struct {
	body   string
	match  bool // with If-Match: *
	status int
}

var calls = map[string]call{
	"POST /api/v1/cameras":                 {body: `{"name":"new","source":"rtsp://camera/"}`, status: 201},
	"PUT /api/v1/cameras/{name}":           {body: `{"source":"rtsp://camera/"}`, match: true},
	"DELETE /api/v1/cameras/{name}":        {match: true},
	"POST /api/v1/cameras/{name}/switches": {body: `{"action":"pause"}`},
	"POST /api/v1/alerts/{id}/ack":         {body: "{}"},
	"POST /api/v1/logout":                  {status: 204},
	"POST /api/v1/login":                   {body: `{"user":"nobody","password":"wrong"}`, status: 401},
}

// visitor is who makes the requests of the walk.
type visitor struct {
	name    string
	role    access.Role // "" may do nothing
	cameras []string    // nil is all
	login   bool        // a refusal is 403, not 401
	socket  bool        // over the Unix socket
	session bool        // with a cookie
	wrong   bool        // the login is refused whatever it may do
	add     func(*http.Request)
}

func (v visitor) sees(camera string) bool {
	return v.cameras == nil || slices.Contains(v.cameras, camera)
}

// refusal is the status of a request for a camera that the visitor may not make, or 0; stated on its own, not by the
// code under test.
func (v visitor) refusal(permission, camera string) int {
	if permission == "public" {
		return 0
	}
	refused := http.StatusUnauthorized
	if v.login {
		refused = http.StatusForbidden
	}
	operate := strings.HasPrefix(permission, "operate")
	some := strings.HasSuffix(permission, "some cameras")
	named := strings.HasSuffix(permission, "{name}")
	switch {
	case v.wrong || v.role == "":
		return refused
	case named && !v.sees(camera):
		return http.StatusNotFound
	case operate && v.role != access.RoleOperate:
		return refused
	case !some && !named && v.cameras != nil:
		return refused
	case some && camera != "" && !v.sees(camera):
		return http.StatusNotFound
	}
	return 0
}

func visitors(t *testing.T, guard *access.Guard, loopback bool) []visitor {
	t.Helper()
	store := guard.Store
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	all := []visitor{
		{name: "anonymous", add: func(*http.Request) {}},
		{name: "wrong token", wrong: true, add: bearer("vigil_x")},
	}
	if loopback {
		all[0].role = access.RoleView
	}
	for _, role := range []access.Role{access.RoleView, access.RoleOperate} {
		for _, cameras := range [][]string{nil, {"gate"}, {"yard"}, {}} {
			name := fmt.Sprintf("%s-%d", role, len(all))
			token, err := store.AddToken(name, access.Grant{Role: role, Cameras: cameras}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, visitor{
				name: fmt.Sprint("token ", role, cameras), role: role, cameras: cameras, login: true,
				add: bearer(token),
			})
		}
	}
	if err := store.AddUser("anna", "a long password", access.Grant{Role: access.RoleOperate}); err != nil {
		t.Fatal(err)
	}
	_, cookie, err := guard.Login(httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/", nil), "anna",
		"a long password")
	if err != nil {
		t.Fatal(err)
	}
	once := httptest.NewRecorder()
	mux := access.NewMux(guard)
	guard.AddRoutes(mux)
	mux.ServeHTTP(once, httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost"+guard.OneTimePath(),
		nil))
	if len(once.Result().Cookies()) != 1 { //nolint:bodyclose // It has none.
		t.Fatalf("no session by a one-time address: %d", once.Code)
	}
	browser := once.Result().Cookies()[0] //nolint:bodyclose // It has none.
	here := unixConn(t)
	all = append(all,
		visitor{
			name: "user", role: access.RoleOperate, login: true, session: true,
			add: func(r *http.Request) { r.AddCookie(cookie) },
		},
		visitor{
			name: "browser", role: access.RoleOperate, login: true, session: true,
			add: func(r *http.Request) { r.AddCookie(browser) },
		},
		visitor{
			name: "socket", role: access.RoleOperate, login: true, socket: true, add: func(r *http.Request) {
				*r = *r.WithContext(access.ConnContext(r.Context(), here))
			},
		})
	for name, expires := range map[string]time.Time{"expired": time.Now().Add(50 * time.Millisecond), "revoked": {}} {
		token, err := store.AddToken(name, access.Grant{Role: access.RoleOperate}, expires)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, visitor{name: name, wrong: true, add: bearer(token)})
	}
	if err := store.RevokeToken("revoked"); err != nil {
		t.Fatal(err)
	}
	for !slices.ContainsFunc(tokens(t, store), func(k access.Token) bool { return k.Expired(time.Now()) }) {
		time.Sleep(time.Millisecond)
	}
	return all
}

// unixConn is the server's end of a connection of this process to itself over a Unix socket.
func unixConn(t *testing.T) net.Conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path) //nolint:noctx // It is at once.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	client, err := net.Dial("unix", path) //nolint:noctx // It is at once.
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return server
}

func tokens(t *testing.T, store *access.Store) []access.Token {
	t.Helper()
	all, err := store.Tokens()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every route, method, role and camera.
func TestWalk(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		store := access.NewStore(t.TempDir())
		mux := access.NewMux(access.NewGuard(access.Options{
			Store: store, Loopback: loopback, Anonymous: true, Log: slog.New(slog.DiscardHandler),
		}))
		system := &gates{}
		AddRoutes(mux, system)
		registered := map[string][]string{} // methods of each path
		for _, r := range mux.Routes() {
			method, path, ok := strings.Cut(r.Pattern, " ")
			if !ok { // for all other methods
				if r.Permission != access.Public {
					t.Errorf("%s requires %s", r.Pattern, r.Permission)
				}
				continue
			}
			registered[path] = append(registered[path], method)
			if want := routes[r.Pattern]; want != r.Permission.String() {
				t.Errorf("%s requires %q, in the table %q", r.Pattern, r.Permission, want)
			}
		}
		everyone := visitors(t, mux.Guard(), loopback)
		for pattern, permission := range routes {
			method, path, _ := strings.Cut(pattern, " ")
			if !slices.Contains(registered[path], method) {
				t.Errorf("there is no %s", pattern)
			}
			for _, camera := range []string{"gate", "yard", "gone"} {
				for _, other := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", method} {
					for _, v := range everyone {
						system.revision = 1 // the camera may have been removed
						walk(t, mux, pattern, permission, other, camera, v, registered[path])
					}
				}
			}
		}
	}
}

// walk makes one request.
func walk(t *testing.T, mux http.Handler, pattern, permission, method, camera string, v visitor, methods []string) {
	t.Helper()
	of, path, _ := strings.Cut(pattern, " ")
	id := map[string]string{"gate": ids[0], "yard": ids[1], "gone": "01J0000000000000000000000Z"}[camera]
	to := strings.NewReplacer("{name}", camera, "{id}", id, "{file}", "clip-1.mp4", "{code}",
		"camera.unknown").Replace(path)
	if path == "/api/v1/logout" && v.session && method == http.MethodPost {
		return // it would end the session
	}
	valid := calls[pattern]
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+to, strings.NewReader(valid.body))
	r.Header.Set("Content-Type", "application/json")
	if valid.match {
		r.Header.Set("If-Match", "*")
	}
	v.add(r)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	if method != of && (method != http.MethodHead || of != http.MethodGet) {
		if !slices.Contains(methods, method) && (method != http.MethodHead || !slices.Contains(methods, "GET")) &&
			w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, to, w.Code)
		}
		return
	}
	of = camera
	if !strings.Contains(path, "{name}") && !strings.Contains(path, "{id}") || camera == "gone" && v.cameras == nil {
		of = ""
	}
	want := v.refusal(permission, of)
	switch {
	case want == 0 && path == "/api/v1/open" && !v.socket:
		want = http.StatusForbidden
	case want == 0 && camera == "gate":
		want = cmp.Or(valid.status, http.StatusOK)
	}
	got := w.Code
	if path == "/api/v1/login" && got == http.StatusTooManyRequests {
		return // there were as many wrong logins as there may be
	}
	if want != 0 && got != want || want == 0 && (got == 401 || got == 403 || got >= 500) {
		t.Errorf("%s %s by %s: %d, want %d %s", method, to, v.name, got, want, w.Body)
	}
}

// A login that is limited to some cameras does not learn that there are others.
func TestLimitedToCameras(t *testing.T) {
	g := &gates{revision: 1}
	h := open(t, g, viewsYard)
	if w := ask(t, h, "GET", "/api/v1/cameras", ""); w.Code != http.StatusOK ||
		strings.Contains(w.Body.String(), "gate") ||
		!strings.Contains(w.Body.String(), "yard") {
		t.Errorf("the list: %s", w.Body)
	}
	for _, login := range []access.Grant{viewsYard, operateHall} {
		h := open(t, g, login)
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			hidden := ask(t, h, method, "/api/v1/cameras/gate", "{}", "If-Match", "*")
			none := ask(t, h, method, "/api/v1/cameras/gone", "{}", "If-Match", "*")
			if hidden.Code != map[string]int{"GET": 404, "PUT": 403, "DELETE": 403}[method] ||
				hidden.Body.String() != none.Body.String() {
				t.Errorf("%s: of a hidden camera %s, of one that does not exist %s", method, hidden.Body, none.Body)
			}
		}
	}
}

// A route that states no permission cannot be registered.
func TestRouteWithoutPermissionPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it was registered")
		}
	}()
	a := &adapter{mux: access.NewMux(access.NewGuard(access.Options{})), methods: map[string][]string{}}
	huma.Register(newAPI(a), huma.Operation{Method: "GET", Path: "/api/v1/open"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}
