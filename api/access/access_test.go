package access

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// login is what a request of the walk carries.
type login struct {
	name string
	add  func(*http.Request)
	role Role // "" may do nothing
	// cameras it is limited to; nil is all.
	cameras []string
	anybody bool // without a login of its own: refused with 401
}

// logins makes one of every kind at a guard.
func logins(t *testing.T, g *Guard) []login {
	t.Helper()
	all := []login{{
		name: "anonymous", role: map[bool]Role{true: RoleView}[g.Loopback], anybody: true, add: func(*http.Request) {},
	}}
	for _, role := range []Role{RoleView, RoleOperate} {
		for _, cameras := range [][]string{nil, {"gate"}, {}} {
			grant := Grant{role, cameras}
			name := fmt.Sprintf("%s-%d", role, len(all))
			secret, err := g.Store.AddToken(name, grant, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Store.AddUser(name, "a long password", grant); err != nil {
				t.Fatal(err)
			}
			a, err := g.Store.accounts()
			if err != nil {
				t.Fatal(err)
			}
			session := g.sessions.begin("", a.user(name).ID, name)
			all = append(all, login{
				name: "token " + name, role: role, cameras: cameras,
				add: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
			}, login{
				name: "user " + name, role: role, cameras: cameras,
				add: func(r *http.Request) { r.AddCookie(cookie(g.TLS, r.Host, session)) },
			})
		}
	}
	once := g.sessions.begin("", "", "")
	wrong := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	return append(all,
		login{
			name: "one-time", role: RoleOperate,
			add: func(r *http.Request) { r.AddCookie(cookie(g.TLS, r.Host, once)) },
		},
		login{name: "wrong token", anybody: true, add: wrong("Bearer vigil_" + newSecret())},
		login{name: "empty token", anybody: true, add: wrong("Bearer ")},
		login{name: "another scheme", anybody: true, add: wrong("Basic dXNlcjpwYXNzd29yZA==")},
		login{
			name: "wrong cookie", role: map[bool]Role{true: RoleView}[g.Loopback], anybody: true,
			add: func(r *http.Request) { r.AddCookie(cookie(g.TLS, r.Host, "x")) },
		},
		login{name: "two tokens", anybody: true, add: func(r *http.Request) {
			r.Header["Authorization"] = []string{"Bearer a", "Bearer b"}
		}})
}

// want is the status for a permission, stated on its own, not by the code under test.
func (l login) want(p Permission, camera string) int {
	all := l.cameras == nil
	sees := all || len(l.cameras) == 1 && l.cameras[0] == camera
	enough := l.role == RoleOperate || l.role == RoleView && !strings.HasPrefix(p.String(), "operate")
	refused := http.StatusForbidden
	if l.anybody {
		refused = http.StatusUnauthorized
	}
	switch p.String() {
	case "public":
		return http.StatusOK
	case "view", "operate":
		if enough && all {
			return http.StatusOK
		}
	case "view of some cameras", "operate of some cameras":
		if enough {
			return http.StatusOK
		}
	case "view {name}", "operate {name}":
		if l.role != "" && !sees {
			return http.StatusNotFound
		}
		if enough && sees {
			return http.StatusOK
		}
	default:
		return 0
	}
	return refused
}

// Every kind of permission, method, login and camera.
func TestWalk(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		for _, secure := range []bool{true, false} {
			g := testGuard(t, loopback, secure)
			all := logins(t, g)
			mux := NewMux(g)
			for i, p := range []Permission{
				Public, View, Operate, ViewSome, OperateSome, ViewCamera("name"), OperateCamera("name"),
			} {
				mux.Handle(fmt.Sprintf("/%d/{name}", i), p,
					http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			}
			for i, route := range mux.Routes() {
				for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
					for _, camera := range []string{"gate", "yard"} {
						for _, l := range all {
							r := httptest.NewRequestWithContext(t.Context(), method,
								fmt.Sprintf("http://localhost/%d/%s", i, camera), nil)
							l.add(r)
							w := httptest.NewRecorder()
							mux.ServeHTTP(w, r)
							if want := l.want(route.Permission, camera); w.Code != want {
								t.Errorf("loopback %v: %s %s of %s, %s: %d, want %d", loopback, method,
									route.Permission,
									camera, l.name, w.Code, want)
							}
						}
					}
				}
			}
		}
	}
}

// The routes of this package are these; another one needs a line here.
func TestRoutes(t *testing.T) {
	mux := NewMux(testGuard(t, true, false))
	mux.guard.AddRoutes(mux)
	want := map[string]Permission{
		"GET /open": Public, "POST /open": Public,
	}
	for _, r := range mux.Routes() {
		if p, ok := want[r.Pattern]; !ok || p != r.Permission {
			t.Errorf("%s needs %s", r.Pattern, r.Permission)
		}
		delete(want, r.Pattern)
	}
	for pattern := range want {
		t.Errorf("there is no %s", pattern)
	}
}

func TestNoPermission(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a route without a permission is served")
		}
	}()
	NewMux(testGuard(t, true, false)).Handle("/", Permission{}, http.NotFoundHandler())
}

func TestPrincipal(t *testing.T) {
	for _, tt := range []struct {
		who                         Principal
		viewGate, operateGate, view bool
		text                        string
	}{
		{Principal{}, false, false, false, ""},
		{Principal{Kind: KindSocket, Grant: Grant{Role: RoleOperate}}, true, true, true, "cli"},
		{Principal{KindUser, "anna", Grant{RoleView, nil}}, true, false, true, "user:anna"},
		{Principal{KindToken, "ha", Grant{RoleOperate, []string{"gate"}}}, true, true, false, "token:ha"},
		{Principal{KindToken, "ha", Grant{RoleOperate, []string{"yard"}}}, false, false, false, "token:ha"},
		{Principal{KindToken, "ha", Grant{RoleOperate, []string{}}}, false, false, false, "token:ha"},
		{Principal{KindToken, "ha", Grant{"admin", nil}}, false, false, false, "token:ha"},
	} {
		if got := tt.who.May(RoleView, "gate"); got != tt.viewGate {
			t.Errorf("%v: view of gate %v", tt.who, got)
		}
		if got := tt.who.May(RoleOperate, "gate"); got != tt.operateGate {
			t.Errorf("%v: operate of gate %v", tt.who, got)
		}
		if got := tt.who.MayAll(RoleView); got != tt.view {
			t.Errorf("%v: view %v", tt.who, got)
		}
		if tt.who.May("", "gate") || tt.who.May("admin", "gate") {
			t.Errorf("%v has a role that does not exist", tt.who)
		}
		if got := tt.who.String(); got != tt.text {
			t.Errorf("%q, want %q", got, tt.text)
		}
	}
	if FromContext(t.Context()).May(RoleView, "gate") || StillAllowed(t.Context()) {
		t.Error("somebody may do something outside of a request")
	}
}
