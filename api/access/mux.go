package access

import (
	"net/http"
	"runtime/debug"
	"slices"

	"vigil/internal/errcode"
)

// Mux is a http.ServeMux whose routes all declare what they need.
type Mux struct {
	guard  *Guard
	mux    *http.ServeMux
	routes []Route
}

// Route is a pattern of http.ServeMux and what it needs.
type Route struct {
	Pattern    string
	Permission Permission
}

// NewMux returns a Mux without routes.
func NewMux(g *Guard) *Mux { return &Mux{guard: g, mux: http.NewServeMux()} }

// Handle adds a route. It panics if the pattern is not valid, or if there is no permission.
func (m *Mux) Handle(pattern string, p Permission, h http.Handler) {
	m.mux.Handle(pattern, m.guard.Require(p, h))
	m.routes = append(m.routes, Route{pattern, p})
}

// Guard is what decides about the requests.
func (m *Mux) Guard() *Guard { return m.guard }

// Routes returns the routes.
func (m *Mux) Routes() []Route { return slices.Clone(m.routes) }

// ServeHTTP serves the routes. Every request, also one for no route, gets the same headers, and must come from no other
// site. A route that panics is logged, and its answer cut.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler { //nolint:errorlint // It is this very value, or that of a fault.
				m.guard.Log.Error("a request failed within vigil", "method", r.Method, "route", r.Pattern, "panic", p,
					"stack", string(debug.Stack()), errcode.Key, errcode.ServerInternal)
			}
			panic(http.ErrAbortHandler)
		}
	}()
	setHeaders(w.Header())
	if err := m.guard.checkSite(r); err != nil {
		m.guard.refuse(w, err)
		return
	}
	m.mux.ServeHTTP(w, r)
}
