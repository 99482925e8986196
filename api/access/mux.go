package access

import (
	"net/http"
	"slices"
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

// NewMux returns a Mux without routes. A request for no route gets the same headers and checks as the others.
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

// ServeHTTP serves the routes.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := m.mux.Handler(r); pattern == "" {
		m.guard.Require(Public, m.mux).ServeHTTP(w, r)
		return
	}
	m.mux.ServeHTTP(w, r)
}
