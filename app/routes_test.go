//go:build linux && cgo && gocv_videoio

package app

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"vigil/api/access"
	"vigil/internal/health"
)

// What is served beside the API, which has a walk of its own, and what each needs. A route that is not here fails.
func TestRoutesBesideAPI(t *testing.T) {
	r := startReloading(t, 1)
	log := slog.New(slog.DiscardHandler)
	h := &httpServices{health: new(health.Health), log: log}
	guard := access.NewGuard(access.Options{Store: access.NewStore(t.TempDir()), Log: log})
	want := map[string]access.Permission{
		"GET /metrics": access.View, "GET /readyz": access.View, "GET /healthz": access.Public,
		"GET /open":  access.Public,
		"POST /open": access.Public, "GET /{$}": access.Public,
	}
	for _, route := range h.routes(r.system, guard, http.NotFoundHandler()).Routes() {
		if _, path, _ := strings.Cut(route.Pattern, " "); strings.HasPrefix(path, "/api/") ||
			strings.HasPrefix(route.Pattern, "/api/") {
			continue
		}
		if p, known := want[route.Pattern]; !known || p != route.Permission {
			t.Errorf("%s needs %s", route.Pattern, route.Permission)
		}
		delete(want, route.Pattern)
	}
	for pattern := range want {
		t.Errorf("there is no %s", pattern)
	}
}
