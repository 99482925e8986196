package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// login may view some cameras, operate others, and is refused where it may do neither.
type login struct {
	view, operate []string
}

func (l login) Require(p Permission, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(l.operate) == 0 && (p == Operate || len(l.view) == 0) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (l login) Allowed(_ context.Context, p Permission, camera string) bool {
	return slices.Contains(l.operate, camera) || p == View && slices.Contains(l.view, camera)
}
func (login) Everywhere(context.Context, Permission) bool { return false }
func (login) Name(context.Context) string                 { return "login" }

// Every route of the document is behind a permission: a login without any gets nothing of it.
func TestEveryRouteRequiresAPermission(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	var compact bytes.Buffer
	if err := errors.Join(json.Compact(&compact, Document()), json.Unmarshal(compact.Bytes(), &doc)); err != nil {
		t.Fatal(err)
	}
	none, viewer := New(Options{System: &gates{revision: 1}, Access: login{}}), login{view: []string{"yard"}}
	looks := New(Options{System: &gates{revision: 1}, Access: viewer})
	doc.Paths[documentPath] = map[string]json.RawMessage{"get": nil}
	routes := 0
	for path, methods := range doc.Paths {
		_, parameter, _ := strings.Cut(path, "{")
		parameter, _, _ = strings.Cut(parameter, "}")
		path = strings.NewReplacer("{name}", "gate", "{id}", ids[0], "{file}", "clip-1.mp4", "{code}", "camera.unknown").Replace(path)
		for method, described := range methods {
			routes++
			if parameter != "" && !strings.Contains(string(described), `"name":"`+parameter+`"`) {
				t.Errorf("%s %s has no parameter %s", method, path, parameter)
			}
			method = strings.ToUpper(method)
			if w := ask(t, none, method, path, "{}"); w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s without a permission: %d", method, path, w.Code)
			}
			if w := ask(t, looks, method, path, "{}"); method != http.MethodGet && w.Code != http.StatusUnauthorized {
				t.Errorf("%s %s with the permission to view: %d", method, path, w.Code)
			}
		}
	}
	if routes < 15 {
		t.Errorf("only %d routes", routes)
	}
}

// A login that is limited to some cameras does not learn that there are others.
func TestLimitedToCameras(t *testing.T) {
	h := New(Options{System: &gates{revision: 1}, Access: login{view: []string{"yard"}, operate: []string{"hall"}}})
	if w := ask(t, h, "GET", "/api/v1/cameras", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "gate") ||
		!strings.Contains(w.Body.String(), "yard") {
		t.Errorf("the list: %s", w.Body)
	}
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/cameras/yard", "", 200},
		{"POST", "/cameras/yard/switches", `{"action":"pause"}`, 403},
		{"DELETE", "/cameras/yard", "", 403},
		{"POST", "/cameras", `{"name":"hall","source":"rtsp://camera/"}`, 403},
	} {
		if w := ask(t, h, tt.method, root+tt.path, tt.body); w.Code != tt.status {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		hidden := ask(t, h, method, "/api/v1/cameras/gate", "{}", "If-Match", "*")
		none := ask(t, h, method, "/api/v1/cameras/gone", "{}", "If-Match", "*")
		if hidden.Code != http.StatusNotFound || none.Code != http.StatusNotFound ||
			strings.ReplaceAll(hidden.Body.String(), "gate", "gone") != none.Body.String() {
			t.Errorf("%s: of a hidden camera %s, of one that does not exist %s", method, hidden.Body, none.Body)
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
	a := &adapter{mux: http.NewServeMux(), access: Everyone{}, methods: map[string][]string{}}
	huma.Register(newAPI(a), huma.Operation{Method: "GET", Path: "/api/v1/open"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}
