package access

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/api/problem"
)

func testGuard(t *testing.T, loopback, secure bool) *Guard {
	t.Helper()
	return NewGuard(Options{
		Store: NewStore(filepath.Join(t.TempDir(), "data")), Loopback: loopback, Anonymous: true, TLS: secure,
		Log: slog.New(slog.DiscardHandler),
	})
}

// do sends a request to the routes of a guard, with some of their own.
func do(t *testing.T, g *Guard, method, path, body string, change func(*http.Request)) *http.Response {
	t.Helper()
	mux := NewMux(g)
	g.AddRoutes(mux)
	addLogins(mux)
	mux.Handle("/view", View, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	mux.Handle("/operate", Operate, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	res := w.Result()
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// addLogins adds routes of logins, as the API has them.
func addLogins(mux *Mux) {
	g := mux.Guard()
	mux.Handle("POST /api/v1/login", Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ User, Password string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		who, cookie, err := g.Login(r, in.User, in.Password)
		if err != nil {
			p, h := Problem(err)
			maps.Copy(w.Header(), h)
			p.Write(w)
			return
		}
		http.SetCookie(w, cookie)
		_ = json.NewEncoder(w).Encode(who)
	}))
	mux.Handle("POST /api/v1/logout", Public, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, g.Logout(r))
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.Handle("GET /api/v1/session", ViewSome, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(FromContext(r.Context()))
	}))
}

func problemOf(t *testing.T, res *http.Response) (p problem.Problem) {
	t.Helper()
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Status != res.StatusCode || p.Code == "" {
		t.Errorf("problem %+v, %v", p, err)
	}
	return p
}

// What pages of other sites can make a browser send.
func TestSite(t *testing.T) {
	for name, tt := range map[string]struct {
		method, host string
		header       map[string]string
		loopback     int // status on a loopback address
		other        int // status on another one; 0 for the same
	}{
		"a program":          {"GET", "127.0.0.1:8080", nil, 200, 0},
		"IPv6":               {"GET", "[::1]:8080", nil, 200, 0},
		"another host":       {"GET", "evil.example", nil, 421, 200},
		"another host, ours": {"GET", "localhost.evil.example:8080", nil, 421, 200},
		"no host":            {"GET", "", nil, 421, 200},
		"its own page":       {"GET", "localhost", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200, 0},
		"typed":              {"GET", "localhost", map[string]string{"Sec-Fetch-Site": "none"}, 200, 0},
		"an image": {"GET", "localhost", map[string]string{
			"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image",
		}, 403, 0},
		"fetched": {"GET", "localhost", map[string]string{
			"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Mode": "cors",
		}, 403, 0},
		"another port": {"GET", "localhost", map[string]string{
			"Sec-Fetch-Site": "same-site",
			"Sec-Fetch-Mode": "cors",
		}, 403, 0},
		"a frame": {"GET", "localhost", map[string]string{
			"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe",
		}, 403, 0},
		"a link": {"GET", "localhost", map[string]string{
			"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
		}, 200, 0},
		"a link that posts": {"POST", "localhost", map[string]string{
			"Sec-Fetch-Site": "cross-site",
			"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
		}, 403, 0},
		"its own post": {"POST", "localhost", map[string]string{
			"Sec-Fetch-Site": "same-origin",
			"Origin":         "http://localhost",
		}, 200, 0},
		"an old browser":       {"GET", "localhost", map[string]string{"Origin": "http://evil.example"}, 403, 0},
		"an old browser posts": {"POST", "localhost", map[string]string{"Origin": "http://evil.example"}, 403, 0},
		"an old browser, null": {"GET", "localhost", map[string]string{"Origin": "null"}, 403, 0},
		"an old browser, ours": {
			"POST", "localhost:8080",
			map[string]string{"Origin": "http://localhost:8080"},
			200,
			0,
		},
		"an old browser, a port": {
			"GET", "localhost:8080",
			map[string]string{"Origin": "http://localhost:9090"},
			403,
			0,
		},
		"a name that looks alike": {"GET", "127.0.0.1.evil.example", nil, 421, 200},
	} {
		t.Run(name, func(t *testing.T) {
			for _, loopback := range []bool{true, false} {
				g := testGuard(t, loopback, false)
				secret, err := g.Store.AddToken("a", Grant{Role: RoleOperate}, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				res := do(t, g, tt.method, "/operate", "", func(r *http.Request) {
					r.Host = tt.host
					r.Header.Set("Authorization", "Bearer "+secret)
					for key, value := range tt.header {
						r.Header.Set(key, value)
					}
				})
				want := tt.loopback
				if !loopback && tt.other != 0 {
					want = tt.other
				}
				if res.StatusCode != want {
					t.Errorf("loopback %v: %d, want %d", loopback, res.StatusCode, want)
				}
				if res.StatusCode != 200 {
					problemOf(t, res)
				}
				if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") ||
					res.Header.Get("Access-Control-Allow-Origin") != "" ||
					res.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("headers %v", res.Header)
				}
			}
		})
	}
}

// A route that does not exist answers with the same headers and checks.
func TestNoRoute(t *testing.T) {
	g := testGuard(t, true, false)
	for host, want := range map[string]int{"localhost": 404, "evil.example": 421} {
		res := do(t, g, "GET", "/no/such", "", func(r *http.Request) { r.Host = host })
		if res.StatusCode != want || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", host, res.StatusCode, res.Header)
		}
	}
	// The redirection of a path that is not clean is an answer like any other.
	if res := do(t, g, "GET", "//view", "", func(r *http.Request) { r.Host = "evil.example" }); res.StatusCode != 421 {
		t.Errorf("a path that is not clean: %d", res.StatusCode)
	}
	if res := do(t, g, "PATCH", "/api/v1/session", "", nil); res.StatusCode != 405 {
		t.Errorf("another method: %d", res.StatusCode)
	}
}

// A route that panics is logged, with where, and its answer is cut.
func TestPanic(t *testing.T) {
	g := testGuard(t, true, false)
	var log bytes.Buffer
	g.Log = slog.New(slog.NewTextHandler(&log, nil))
	mux := NewMux(g)
	mux.Handle("GET /fault", View, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a fault") }))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // It is this very value.
			t.Errorf("it panics with %v", p)
		}
		if text := log.String(); !strings.Contains(text, "a fault") || !strings.Contains(text, "GET /fault") ||
			!strings.Contains(text, "TestPanic") {
			t.Errorf("the log: %s", text)
		}
	}()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/fault", nil)
	mux.ServeHTTP(httptest.NewRecorder(), r)
}

// What a proxy on this machine passes on is not from this machine.
func TestProxy(t *testing.T) {
	g := testGuard(t, true, false)
	g.Anonymous = false
	if res := do(t, g, "GET", "/view", "", nil); res.StatusCode != 401 {
		t.Errorf("anonymous, where that is off: %d", res.StatusCode)
	}
	g.Anonymous = true
	for header, want := range map[string]int{
		"X-Other": 200, "X-Forwarded-For": 401, "Forwarded": 401, "Via": 401, "X-Forwarded-Host": 401, "X-Real-IP": 401,
	} {
		if res := do(t, g, "GET", "/view", "",
			func(r *http.Request) { r.Header.Set(header, "x") }); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", header, res.StatusCode, want)
		}
	}
}

// The user of this process may do everything on the socket, whatever the host; no other user may.
func TestSocket(t *testing.T) {
	g := testGuard(t, true, false)
	path := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.Server{
		Listener: l,
		Config: &http.Server{ConnContext: ConnContext, Handler: g.Require(Operate,
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, FromContext(r.Context()).String())
			}))},
	}
	server.Start()
	defer server.Close()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _,
		_ string,
	) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	res, err := client.Post("http://vigil/operate", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); res.StatusCode != 200 || string(text) != "cli" {
		t.Errorf("%d %q, %v", res.StatusCode, text, err)
	}
	for name, p := range map[string]peer{"another": {uid: 1 << 30}, "an unknown": {uid: 0, err: io.EOF}} {
		res := do(t, g, "GET", "/view", "", func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), peerKey, p))
		})
		if res.StatusCode != 403 {
			t.Errorf("%s user: %d", name, res.StatusCode)
		}
	}
}
